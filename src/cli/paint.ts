import { styleText } from 'node:util'
import type { Output } from './environment.ts'

export type Style = 'red' | 'green' | 'yellow' | 'cyan' | 'magenta' | 'dim' | 'bold'

/** `text` in a style; as it is where colours are not welcome. */
export type Paint = (style: Style, text: string) => string

export function painter(output: Output): Paint {
  return (style, text) => (output.colours ? styleText(style, text, { validateStream: false }) : text)
}
