# zsh -f complete.zsh FOLDER LINE…: presses a key at the end of each line, in a zsh at a terminal of its own
# that completes with FOLDER/_lensbus, and prints what it offers: a line for each word, an empty one at the end.
zmodload zsh/zpty
folder=$1; shift
setup=$(mktemp) # whoever starts this takes TMPDIR away again
cat >$setup <<'INNER'
PROMPT= RPROMPT= LISTMAX=10000
unsetopt prompt_sp zle_bracketed_paste 2>/dev/null
autoload -Uz compinit && compinit -D -u
[[ ${_comps[lensbus]} == _lensbus ]] && print -r -- "@known@" || print -r -- "@unknown@"
# Every word that is offered comes by here.
compadd() {
	local -a offered
	if [[ " ${(j: :)@[1,(i)(-|--)]} " != *' -'[OAD]' '* ]]; then
		builtin compadd -A offered "$@"
		(($#offered)) && print -rl -- $offered >>$WORDS
	fi
	builtin compadd "$@"
}
say-words() {
	_main_complete
	print -r -- >>$WORDS
	compstate[insert]= compstate[list]=
}
end-line() { BUFFER=; print -r -- "@done@"; zle -R }
zle -C say-words list-choices say-words
zle -N end-line
bindkey '^T' say-words
bindkey '^O' end-line
print -r -- "@ready@"
INNER
: >$setup.words
zpty inner "WORDS=$setup.words exec zsh -f -i"
zpty -w inner "fpath=(${(q)folder} \$fpath); source $setup"
zpty -r -m inner said '*@ready@*' || exit 1
[[ $said == *'@known@'* ]] || { print -u 2 "zsh does not know whose completion this is"; exit 1; }
for line; do
	zpty -w -n inner "$line"$'\x14\x0f'
	zpty -r -m inner said '*@done@*' || exit 1
done
zpty -w inner exit
while zpty -r inner said; do :; done # until it is gone
zpty -d inner
cat $setup.words
