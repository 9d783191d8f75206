/** Whether a file is named as one of tests: it declares no resource, and is no manifest. */
export function isTestFile(file: string): boolean {
  return /[^/]\.test\.ya?ml$/.test(file)
}
