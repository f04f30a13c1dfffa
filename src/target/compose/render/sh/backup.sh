# shellcheck shell=sh
# The database saved, before something changes it.

# A program whose client is gone runs on in the container, to the end of a dump that
# nobody takes, and holds its locks so long. It ends when its standard input does, which
# is the life of the client.
# shellcheck disable=SC2016 # for the shell in the container to expand
backup_way='exec 3<&0
"$@" &
dump=$!
{ cat <&3; kill "$dump"; } >/dev/null 2>&1 &
exec 3<&-
wait "$dump"'

# backup_dump: pg_dump in $container, to the file $backup_part. Sets backup_exit.
backup_dump() {
	backup_exit=1
	mkfifo "$FD_FOLDER/standard.input" && exec 8<>"$FD_FOLDER/standard.input"
	backup_open=$?
	rm -f -- "$FD_FOLDER/standard.input"
	[ "$backup_open" = 0 ] || return
	postgres "$container" sh -c "$backup_way" dump pg_dump --format=custom --no-password \
		--username="$backup_user" --dbname="$backup_database" <&8 >"$backup_part"
	backup_exit=$?
	exec 8<&-
}

# backup_postgres SERVICE DATABASE USER: as a file of ours, complete or not there.
backup_postgres() {
	container_of "$1" || fail "$1 does not run: its database cannot be saved. Nothing has been changed"
	backup_database=$2
	backup_user=$3
	backup_handle=.flightdeck/$project/backups/${FD_FOLDER##*/}.dump
	backup_part=$backup_handle.part
	mkdir -p "${backup_handle%/*}" || fail "cannot make ${backup_handle%/*}"
	# Who died in the middle of this has left his behind.
	rm -f -- "${backup_handle%/*}"/*.dump.part
	end_sessions "$backup_database" "$backup_user"
	trap 'backup_undone; exit 143' TERM
	(umask 077 && : >"$backup_part") || fail "cannot write ${backup_handle%/*}"
	backup_dump
	if [ "$backup_exit" != 0 ]; then
		backup_undone
		fail "pg_dump failed with exit code $backup_exit: see above. Is the disk full? Nothing has been changed"
	fi
	sync "$backup_part" 2>/dev/null || sync
	# What cannot be read back is no backup.
	if ! postgres "$container" pg_restore --file=/dev/null <"$backup_part"; then
		backup_undone
		fail 'what was saved cannot be read back: see above. Is the disk full? Nothing has been changed'
	fi
	mv -f -- "$backup_part" "$backup_handle" || fail "cannot put $backup_handle in its place"
	sync "${backup_handle%/*}" 2>/dev/null || sync
	trap - TERM
	backup_noted "$backup_handle"
}

backup_undone() {
	rm -f -- "$backup_part"
	end_sessions "$backup_database" "$backup_user"
}

# end_sessions DATABASE USER: those that an operation of ours left behind in $container:
# a program there outlives the docker exec that was killed, and holds its locks.
end_sessions() {
	postgres "$container" psql -X -q -A -t -w -U "$2" -d "$1" -o /dev/null -c "
		SELECT pg_terminate_backend(pid) FROM pg_stat_activity
		WHERE datname = current_database() AND pid <> pg_backend_pid()
		AND application_name ~ '^flightdeck-[0-9]'" </dev/null
}

# backup_command COMMAND: for sh -c; its last line that is not empty is the handle.
backup_command() {
	{
		sh -c "$1" </dev/null
		printf '%s\n' "$?" >"$FD_FOLDER/backup.exit"
	} | tail -c 4096 >"$FD_FOLDER/backup.text"
	cat "$FD_FOLDER/backup.text"
	read -r backup_exit <"$FD_FOLDER/backup.exit"
	[ "$backup_exit" = 0 ] || fail "the backup command failed with exit code $backup_exit. Nothing has been changed"
	backup_handle=
	while read -r backup_line || [ -n "$backup_line" ]; do
		[ -z "$backup_line" ] || backup_handle=$backup_line
	done <"$FD_FOLDER/backup.text"
	[ -n "$backup_handle" ] || fail 'the backup command printed no handle: its last line has to name what it has saved'
	case $backup_handle in
	*[!A-Za-z0-9\ ._:/@+,-]*) fail 'the handle that the backup command printed cannot be recorded: it may hold letters, digits, spaces and . _ : / @ + , - only' ;;
	esac
	[ "${#backup_handle}" -le 500 ] || fail 'the handle that the backup command printed is too long: 500 characters at most'
	backup_noted "$backup_handle"
}

# backup_noted HANDLE: for the ledger, with its size where it is a file.
backup_noted() {
	result backup "$1"
	backup_size=
	if [ -f "$1" ]; then
		backup_size=$(wc -c <"$1")
		result backup_size "$((backup_size))"
	fi
	say "saved as $1${backup_size:+, $((backup_size)) bytes}"
}
