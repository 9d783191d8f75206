const bash = `_hermes() {
  local IFS=$'\\n'
  local words=("\${COMP_WORDS[@]:1:COMP_CWORD}")
  COMPREPLY=($(compgen -W "$(hermes __complete -- "\${words[@]}" 2>/dev/null)" -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _hermes hermes
`

const zsh = `#compdef hermes
_hermes() {
  local -a candidates
  candidates=("\${(@f)$(hermes __complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)}")
  if (( \${#candidates} )) && [[ -n "\${candidates[1]}" ]]; then
    compadd -- "\${candidates[@]}"
  else
    _files
  fi
}
if [ "$funcstack[1]" = "_hermes" ]; then _hermes "$@"; else compdef _hermes hermes; fi
`

const fish = `function __hermes_complete
  set -l words (commandline -opc) (commandline -ct)
  hermes __complete -- $words[2..-1] 2>/dev/null
end
complete -c hermes -f -n 'count (__hermes_complete) >/dev/null' -a '(__hermes_complete)'
`

/** By shell; each asks \`hermes __complete\` for the words that may come next. */
export const completionScripts: Readonly<Record<string, string>> = { bash, zsh, fish }
