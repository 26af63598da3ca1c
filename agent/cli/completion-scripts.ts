/**
 * Scripts for shells. Each asks `weir __complete` for what the word at the cursor may become, one candidate a line
 * with a tab and some words about it. What comes from outside (names of pods) is quoted by the shell's own means.
 */
const bash = String.raw`# bash completion for weir: source <(weir completion bash)
_weir() {
  local candidate about
  COMPREPLY=()
  while IFS=$'\t' read -r candidate about; do
    COMPREPLY+=("$(printf '%q' "$candidate")")
  done < <("\${COMP_WORDS[0]/#\~\//$HOME/}" __complete -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -o default -F _weir weir
`.replaceAll("\\${", "${");

const zsh = String.raw`#compdef weir
# zsh completion for weir: source <(weir completion zsh), or as a file _weir of $fpath
_weir() {
  local candidate about
  local -a candidates descriptions
  while IFS=$'\t' read -r candidate about; do
    candidates+=("$candidate")
    descriptions+=("$candidate  $about")
  done < <("\${words[1]/#\~\//$HOME/}" __complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)
  if (( $#candidates )); then
    compadd -l -d descriptions -a candidates
  else
    _files
  fi
}
if [[ $funcstack[1] == _weir ]]; then
  _weir "$@"
else
  compdef _weir weir
fi
`.replaceAll("\\${", "${");

const fish = String.raw`# fish completion for weir: weir completion fish | source
function __weir_complete
  set -l words (commandline -opc) (commandline -ct)
  set -l candidates ($words[1] __complete -- $words[2..-1] 2>/dev/null)
  if test (count $candidates) -gt 0
    printf '%s\n' $candidates
  else
    __fish_complete_path (commandline -ct)
  end
end
complete -c weir -f -a '(__weir_complete)'
`;

export const completionScripts = { bash, zsh, fish } as const;
