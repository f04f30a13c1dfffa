# shellcheck shell=sh
# The ledger as who writes it sees it: the runner, and who unlocks. Laid after
# claim.sh; it does nothing by itself. Uses $root.
#
# ledger.jsonl is only ever appended to, until it is too long: then its older half
# becomes ledger.1.jsonl, in the place of the former one, and the claims, folders and
# releases of operations older than both go.

ledger_lines=1000
ledger_bytes=4194304

# ends_whole FILE: whether the next line can be appended as it is. Counted, since a shell
# drops the zeros that a file may end in after a power cut.
ends_whole() {
	[ ! -s "$1" ] || [ "$(tail -c 1 "$1" | wc -l)" -eq 1 ]
}

# append_ledger LINE: a line after a torn one starts with a line end.
append_ledger() {
	if ends_whole "$root/ledger.jsonl"; then
		printf '%s\n' "$1" >>"$root/ledger.jsonl"
	else
		printf '\n%s\n' "$1" >>"$root/ledger.jsonl"
	fi
}

# rotate_ledger: under the claim. Dying in the middle of it leaves lines in both
# files, and readers take the last one of an operation.
rotate_ledger() {
	[ -s "$root/ledger.jsonl" ] || return 0
	# shellcheck disable=SC2046 # the numbers are to be split
	set -- $(wc -lc <"$root/ledger.jsonl")
	[ "${1:-0}" -gt "$ledger_lines" ] || [ "${2:-0}" -gt "$ledger_bytes" ] || return 0
	rotate_keep=$(($1 / 2))
	(
		cd "$root" || exit
		head -n "$(($1 - rotate_keep))" ledger.jsonl >ledger.1.new
		# By bytes: tail of busybox counts lines in the last of them only.
		rotate_from=$(wc -c <ledger.1.new)
		tail -c "+$((rotate_from + 1))" ledger.jsonl >ledger.new
		# A full disk must not cost a line.
		[ "$(cat ledger.1.new ledger.new | wc -c)" -eq "$2" ] || exit
		sync ledger.1.new ledger.new 2>/dev/null || sync
		mv ledger.1.new ledger.1.jsonl && mv ledger.new ledger.jsonl
	) && forget_operations
	rm -f "$root/ledger.new" "$root/ledger.1.new"
}

# oldest_record: sets oldest to the lowest number that has a line, empty where none can be
# read. Inside a JSON string every quote has a backslash before it.
oldest_record() {
	oldest=$(cat "$root/ledger.1.jsonl" "$root/ledger.jsonl" |
		sed -n 's/.*"operation":\([1-9][0-9]*\),"started":.*/\1/p' | sort -n | head -n 1)
}

# forget_operations: those of which no ledger has a line any more. Never the newest
# claim, none that is not settled, none that a later claim has passed.
forget_operations() {
	oldest_record
	[ -n "$oldest" ] || return 0
	newest_claim
	forget_passed=' '
	for forget_entry in "$root"/claims/[0-9][0-9][0-9][0-9][0-9][0-9]; do
		read -r forget_claim <"$forget_entry" || continue
		number_of over "$forget_claim"
		[ "$value" = 0 ] || forget_passed="$forget_passed$value "
	done
	for forget_entry in "$root"/claims/[0-9][0-9][0-9][0-9][0-9][0-9]; do
		forget_id=${forget_entry##*/}
		forget_number=$(number "$forget_id")
		[ "$forget_number" -lt "$oldest" ] && [ "$forget_id" != "$newest" ] || return 0
		case $forget_passed in *" $forget_number "*) continue ;; esac
		if [ -d "$root/operations/$forget_id" ]; then
			[ -e "$root/operations/$forget_id/end.json" ] || continue
			rm -rf "$root/releases/$forget_id" "$root/operations/$forget_id"
		fi
		rm -f "$forget_entry"
	done
}
