import { HermesError } from '../../errors.ts'
import { completionScripts } from '../completion-scripts.ts'
import type { Verb } from '../verb.ts'

/** `hermes completion SHELL`: a script that completes verbs, options, kinds and names. */
export const completion: Verb = {
  define: (command) => command.argument('<shell>', Object.keys(completionScripts).join(', ')),
  examples: [
    ['source <(hermes completion bash)', 'for this shell; put it into ~/.bashrc to keep it'],
    ['hermes completion zsh > "${fpath[1]}/_hermes"', 'for zsh'],
    ['hermes completion fish > ~/.config/fish/completions/hermes.fish', 'for fish'],
  ],
  run: async ({ args: [shell = ''], environment }) => {
    const script = completionScripts[shell]
    if (script === undefined) {
      throw new HermesError('usage', `there is no completion for ${shell}`, {
        fix: `Use one of ${Object.keys(completionScripts).join(', ')}.`,
      })
    }
    environment.stdout.write(script)
  },
}
