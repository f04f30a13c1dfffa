# shellcheck shell=sh
# What a newer flightdeck has written, in a format that this one does not know: it is
# found, named, and left alone. Laid before all that judges or changes an operation; it
# does nothing by itself. Uses $root (the directory that holds claims/ and operations/).

# newer LINE: whether a newer format than this one has written it.
newer() {
	case $1 in
	'{"v":'[2-9]* | '{"v":1'[0-9]*) ;;
	*) return 1 ;;
	esac
}

# written_newer ID: whether a newer format has written any of an operation's files, in
# whatever state it is. Sets newer_file to the first of them: claim, record, plan,
# journal or end; empty where none has.
written_newer() {
	newer_file=$(
		cd -- "$root" >/dev/null 2>&1 || exit
		LC_ALL=C grep -lE '^[{]"v":([2-9]|1[0-9])' "operations/$1/end.json" "operations/$1/journal.jsonl" \
			"operations/$1/plan.json" "operations/$1/record.json" "claims/$1" 2>/dev/null
	)
	# The last one that is listed.
	newer_file=${newer_file##*
}
	case $newer_file in
	'') return 1 ;;
	claims/*) newer_file=claim ;;
	*)
		newer_file=${newer_file##*/}
		newer_file=${newer_file%%.*}
		;;
	esac
}

# newer_in_ledger: whether there is a line of a newer format near the ledger's end; sets
# newer_line to the last one, and newer_file.
newer_in_ledger() {
	newer_line=$(tail -n 500 "$root/ledger.jsonl" 2>/dev/null |
		LC_ALL=C sed -nE '/^[{]"v":([2-9]|1[0-9])/p' | tail -n 1)
	[ -n "$newer_line" ] && newer_file=ledger
}

# say_newer LINE: the answer of a script that leaves alone what newer_file tells of. LINE
# (the operation's claim, or the ledger's line) comes last: others have written it.
say_newer() {
	printf '{"failed":"format","file":"%s","claim":%s}\n' "$newer_file" "${1:-null}"
}

# claim_of ID: sets claim to its record, empty where there is none.
claim_of() {
	claim=
	[ ! -r "$root/claims/$1" ] || read -r claim <"$root/claims/$1" || :
}
