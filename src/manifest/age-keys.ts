/** Private keys of age, each by what is encrypted for it: `age1…`. */
export type AgeKeys = ReadonlyMap<string, string>

/** Keys as SOPS and age keep them in files: one a line, with comments; or the number of the first line that is none. */
export async function parseAgeKeys(text: string): Promise<AgeKeys | { readonly wrongLine: number }> {
  const { identityToRecipient } = await import('age-encryption')
  const keys = new Map<string, string>()
  for (const [index, line] of text.split('\n').entries()) {
    const key = line.trim()
    if (key === '' || key.startsWith('#')) continue
    try {
      keys.set(await identityToRecipient(key), key)
    } catch {
      return { wrongLine: index + 1 }
    }
  }
  return keys
}

/** Decrypts what is encrypted for one of several, in age's armor. Rejects when it is damaged. */
export async function decryptWithAge(armored: string, key: string): Promise<Uint8Array> {
  const { armor, Decrypter } = await import('age-encryption')
  const decrypter = new Decrypter()
  decrypter.addIdentity(key)
  return await decrypter.decrypt(armor.decode(armored))
}
