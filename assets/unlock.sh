# shellcheck shell=sh
# Ends a lock by hand. The program lays newer.sh, claim.sh and ledger.sh before it, one
# function round all, and the call
#
#   unlock DIRECTORY PROJECT ID WHO     ID: six digits; WHO: a JSON object on a line
#
# Prints {"unlocked":42}, or {"failed":WORD} with WORD missing (no such claim),
# ended (it was unlocked before), not_a_lock, held (an operation that passed the
# lock still runs, and writes the ledger), format (a newer flightdeck has written some
# of it, or of the ledger: see newer.sh), or write.
#
# The lock's ledger line is its record.json with ,"operation":42,"started":…,
# "ended":…,"outcome":"succeeded","changed":false,"unlocked_by":WHO,… What is to be
# written is linked to one name first: of two who unlock one wins, and whoever comes
# after one that died in the middle writes what that one had begun.

unset CDPATH
LC_ALL=C

unlock() {
	case $1 in
	[~]) set -- "$HOME" "$2" "$3" "$4" ;;
	[~]/*) set -- "$HOME/${1#??}" "$2" "$3" "$4" ;;
	esac
	root=$1/.flightdeck/$2
	if newer_in_ledger; then
		say_newer "$newer_line"
	elif written_newer "$3"; then
		claim_of "$3"
		say_newer "$claim"
	elif ! cd -- "$root/operations/$3" 2>/dev/null; then
		failed missing
	else
		root=../..
		lock_stands "$3" && unlock_once "$3" "$4"
	fi
}

failed() {
	printf '{"failed":"%s"}\n' "$1"
	return 1
}

# lock_stands ID
lock_stands() {
	here
	holder_of "$1"
	case $holder in
	lock) ;;
	format) say_newer "$claim" && return 1 ;;
	*)
		case $claim in
		*'"kind":"lock"'*) failed ended ;;
		'') failed missing ;;
		*) failed not_a_lock ;;
		esac
		return
		;;
	esac || return
	newest_claim
	[ "$newest" != "$1" ] || return 0
	holder_of "$newest"
	case $holder in
	alive) failed held ;;
	format) say_newer "$claim" && return 1 ;;
	esac
}

# unlock_once ID WHO: two lines in the file unlocked, end.json's and the ledger's.
unlock_once() {
	IFS= read -r unlock_claim <claim
	number_of at "$unlock_claim" && started=$value
	unlock_when="\"operation\":$(number "$1"),\"started\":$started,\"ended\":$(date +%s)"
	record='{"v":1'
	IFS= read -r record <record.json || [ -n "$record" ] || record='{"v":1'
	unlock_end="\"outcome\":\"succeeded\",\"changed\":false"
	printf '%s\n' "{\"v\":1,$unlock_when,$unlock_end}" \
		"$record,$unlock_when,$unlock_end,\"unlocked_by\":$2,\"times\":{},\"results\":{}}" >"unlocking.$$"
	mine=no
	[ "$(wc -l <"unlocking.$$")" -eq 2 ] && ln "unlocking.$$" unlocked 2>/dev/null && mine=yes
	rm -f "unlocking.$$"
	{
		IFS= read -r unlock_end && IFS= read -r unlock_line
	} <unlocked || failed write || return
	append_ledger "$unlock_line" || failed write || return
	printf '%s\n' "$unlock_end" >"end.$$" && sync "$root/ledger.jsonl" "end.$$" 2>/dev/null
	mv "end.$$" end.json || failed write || return
	if [ "$mine" = yes ]; then
		printf '{"unlocked":%s}\n' "$(number "$1")"
	else
		failed ended
	fi
}
