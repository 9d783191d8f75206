/** Settings for one run, as GIT_CONFIG_* variables; behind those that are in `env` already. */
export function configEnv(
  settings: readonly (readonly [string, string])[],
  env: Readonly<Record<string, string>> = {},
): Record<string, string> {
  const first = Number(env['GIT_CONFIG_COUNT'] ?? 0)
  const pairs = settings.flatMap(([key, value], index) => [
    [`GIT_CONFIG_KEY_${first + index}`, key],
    [`GIT_CONFIG_VALUE_${first + index}`, value],
  ])
  return { ...(Object.fromEntries(pairs) as Record<string, string>), GIT_CONFIG_COUNT: `${first + settings.length}` }
}
