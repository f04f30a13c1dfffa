# shellcheck shell=sh
# Pins put in place: compared, written beside, synced, renamed; or written where they
# lie, where a rename would make them another's.

# The pins that are being written where they lie, a path a line: what a death in the
# middle of that leaves is ours. Travels with the attachments to whoever recovers.
pin_note=$FD_FOLDER/attachments/in-place

# resolve PATH: sets target to where PATH leads, symlinks followed.
resolve() {
	target=$1
	if [ -e "$1" ] || [ -L "$1" ]; then
		target=$(readlink -f -- "$1") || fail "cannot tell where $1 leads: is it a link to nothing?"
		[ -n "$target" ] || fail "cannot tell where $1 leads"
	fi
}

# pin_stands PATH EXPECTED ATTACHMENT: whether it is as it shall be already; fails
# where it is neither that nor what was expected. EXPECTED empty: no file. ATTACHMENT
# empty: no file afterwards.
pin_stands() {
	resolve "$1"
	if [ ! -e "$target" ]; then
		[ -n "$3" ] || return 0
		[ -z "$2" ] || fail "$1 is gone: it was there when this was planned"
		return 1
	fi
	[ -f "$target" ] || fail "$1 is no regular file"
	if [ -n "$3" ] && cmp -s "$FD_FOLDER/attachments/$3" "$target"; then return 0; fi
	[ -n "$2" ] || fail "$1 is there: it was not when this was planned"
	pin_found=$(fingerprint "${2%%:*}" "$target") || fail "cannot read $1"
	if [ "$pin_found" != "$2" ] && ! { [ -r "$pin_note" ] && grep -qxF -e "$target" "$pin_note"; }; then
		fail "$1 was changed by somebody since this was planned: it is left as it is"
	fi
	return 1
}

# owner PATH: sets owner to mode, owner and group, as numbers.
owner() {
	owner=$(ls -ldn -- "$1") || return 1
	# shellcheck disable=SC2086 # the fields are to be split
	set -- $owner
	owner="$1 $3 $4"
}

# pin PATH EXPECTED ATTACHMENT: compare and swap.
pin() {
	if pin_stands "$1" "$2" "$3"; then
		say "$1 is as it shall be"
		return
	fi
	if [ -z "$3" ]; then
		rm -- "$target" || fail "cannot remove $1"
		sync
		say "$1 removed"
		return
	fi
	pin_new=$FD_FOLDER/attachments/$3
	if [ -w "$target" ] && [ ! -w "${target%/*}" ]; then
		pin_in_place "$1"
		return
	fi
	pin_temporary=${target%/*}/.${target##*/}.flightdeck-$project-
	# Who died in the middle of this has left his behind.
	rm -f -- "$pin_temporary"[0-9]*
	pin_temporary=$pin_temporary$FD_OPERATION
	pin_owner=
	if [ -e "$target" ]; then
		owner "$target" || fail "cannot look at $1"
		pin_owner=$owner
		# For its owner, group and mode; what it holds comes next.
		(umask 077 && cp -p -- "$target" "$pin_temporary") || pin_undone "cannot write beside $1"
		owner "$pin_temporary"
		if [ "$owner" != "$pin_owner" ]; then
			rm -f -- "$pin_temporary"
			[ -w "$target" ] ||
				fail "$1 ($pin_owner) would become another's ($owner): mode, owner and group have to stay. Let its owner do this, or give the group write permission on it; it is left as it is"
			pin_in_place "$1"
			return
		fi
	fi
	cat <"$pin_new" >"$pin_temporary" || pin_undone "cannot write beside $1: is the disk full?"
	sync "$pin_temporary" 2>/dev/null || sync
	cmp -s "$pin_new" "$pin_temporary" || pin_undone "what was written beside $1 is not what it shall be: is the disk full?"
	# Once more, as near to the rename as can be.
	if pin_stands "$1" "$2" "$3"; then
		rm -f -- "$pin_temporary"
		return
	fi
	mv -f -- "$pin_temporary" "$target" || pin_undone "cannot put $1 in its place"
	sync "${target%/*}" 2>/dev/null || sync
	cmp -s "$pin_new" "$target" || fail "$1 is not what was just written: somebody else writes it too"
	say "$1 written"
}

pin_undone() {
	rm -f -- "$pin_temporary"
	fail "$1; it is left as it is"
}

# pin_in_place PATH: as it is written, it is neither the one nor the other, so that
# what it held is kept until it is whole.
pin_in_place() {
	pin_kept=$pin_note.${pin_new##*/}
	# Where it is written in part already, what it held lies there.
	if [ ! -e "$pin_kept" ]; then
		(secretly && cat <"$target" >"$pin_kept.part") && cmp -s "$target" "$pin_kept.part" &&
			mv "$pin_kept.part" "$pin_kept" ||
			fail "cannot keep what $1 holds while it is written; it is left as it is"
	fi
	printf '%s\n' "$target" >>"$pin_note" || fail "cannot note that $1 is being written; it is left as it is"
	sync "$pin_kept" "$pin_note" 2>/dev/null || sync
	if cat <"$pin_new" >"$target" && cmp -s "$pin_new" "$target"; then
		sync "$target" 2>/dev/null || sync
		rm -f -- "$pin_note" "$pin_kept"
		say "$1 written where it lies: its owner, group and mode stay"
		return
	fi
	if cat <"$pin_kept" >"$target" && cmp -s "$pin_kept" "$target"; then
		rm -f -- "$pin_note" "$pin_kept"
		fail "cannot write $1: is the disk full? It is left as it was"
	fi
	fail "$1 is written in part: is the disk full? What it held is in $pin_kept"
}
