# shellcheck shell=sh
# Puts pin files in place: compared, written beside, synced, renamed.

# owner FILE: sets owner to its mode, user and group.
owner() {
	owner_text=$(ls -ldn -- "$1") || return 1
	# shellcheck disable=SC2086 # the fields are to be split
	set -- $owner_text
	owner="$1 $3 $4"
}

# pin PATH ALGORITHM EXPECTED WANTED ATTACHMENT: makes the file WANTED, a
# fingerprint, if it is EXPECTED. "absent" is no file. A second run finds it done.
pin() {
	pin_path=$(readlink -f -- "$1") || fail "cannot follow $1"
	pin_found=$(fingerprint "$2" "$pin_path") || fail "cannot read $pin_path"
	if [ "$pin_found" = "$4" ]; then
		say "$1 is as it should be"
		return 0
	fi
	[ "$pin_found" = "$3" ] || fail "$1 was changed by somebody else meanwhile: expected $3, found $pin_found"
	if [ "$4" = absent ]; then
		rm -f -- "$pin_path" || fail "cannot take $1 away"
		return 0
	fi
	pin_new=${pin_path%/*}/.flightdeck-pin-$FD_OPERATION-$FD_DIRECTION
	rm -f -- "$pin_new"
	if [ "$pin_found" != absent ]; then
		# With mode, owner and group, which writing into it keeps.
		(umask 077 && cp -p -- "$pin_path" "$pin_new") || pin_drop "cannot write beside $1"
	fi
	cat -- "$FD_FOLDER/attachments/$5" >"$pin_new" || pin_drop "cannot write beside $1; is the disk full?"
	pin_written=$(fingerprint "$2" "$pin_new")
	[ "$pin_written" = "$4" ] || pin_drop "what was written beside $1 is not whole; is the disk full?"
	if [ "$pin_found" != absent ]; then
		owner "$pin_path" || pin_drop "cannot look at $1"
		pin_owner=$owner
		owner "$pin_new" || pin_drop "cannot look at what was written beside $1"
		[ "$owner" = "$pin_owner" ] || pin_drop "$1 belongs to somebody else ($pin_owner): its owner and mode cannot be kept"
	fi
	sync "$pin_new" 2>/dev/null || sync
	pin_again=$(fingerprint "$2" "$pin_path")
	[ "$pin_again" = "$3" ] || pin_drop "$1 was changed by somebody else just now"
	mv -f -- "$pin_new" "$pin_path" || pin_drop "cannot put $1 in place"
	sync "${pin_path%/*}" 2>/dev/null || sync
	say "wrote $1"
}

pin_drop() {
	rm -f -- "$pin_new"
	fail "$1"
}
