import type { Figure } from './measure.ts'

export function figureLine({ what, measured, bar, met }: Figure): string {
  return `  ${met ? 'ok   ' : 'SHORT'} ${what}: ${measured} (${bar})`
}

/** `docs/benchmarks.md`. */
export function report(figures: readonly Figure[], command: string, machine: readonly string[]): string {
  return [
    '# Benchmarks',
    '',
    `Measured on ${new Date().toISOString().slice(0, 10)} by \`${command} -- --write\` on this machine:`,
    '',
    ...machine.map((line) => `- ${line}`),
    '',
    'Shares are of a floor measured in the same run, turn by turn: the same bytes moved by the bare drivers (`bench/floor`),',
    'into the same table with the same indexes, each side in its own process, the median of at least three turns. Rows are',
    "counted at the destination by the database's own driver. A Hermes fetch is measured from its first request to the end",
    'of its process; the floor from its first request to its last commit.',
    '',
    'Memory is what the system counts for the whole process (RSS), Node itself and the pages of its program included. The',
    'processor time of a lap is that of a service that laps every second, less that of one that does not, all threads',
    "counted, by the laps it took. A changed file counts from the end of its writing until the database's own catalogue has",
    'the new column: the pause that tells a burst of changes from a single one is in it.',
    '',
    '| What | Measured | Must reach | |',
    '|---|---|---|---|',
    ...figures.map(
      ({ what, measured, bar, met }) => `| ${what} | ${measured} | ${bar} | ${met ? 'met' : '**short**'} |`,
    ),
    '',
  ].join('\n')
}
