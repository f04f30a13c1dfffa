# shellcheck shell=sh
# What failed says its last words before it is replaced. Nothing here keeps the
# way back from being gone.

# last_words SERVICE: to the output and to kept/<service>.log.
last_words() {
	mkdir -p "$FD_FOLDER/kept"
	for last_id in $(containers_of "$1"); do
		{
			docker inspect --format "$container_format" "$last_id"
			docker inspect --format '{{if .State.Health}}{{range .State.Health.Log}}{{println .ExitCode .Output}}{{end}}{{end}}' "$last_id"
			docker logs --timestamps --tail 500 "$last_id"
		} 2>&1 | head -c 1048576 >>"$FD_FOLDER/kept/$1.log"
	done
	say "the last words of $1 (all of them in kept/$1.log):"
	tail -n 50 "$FD_FOLDER/kept/$1.log"
}

# await_migration NAME: a migration outlives the client that started it, and
# nothing may be switched under it.
await_migration() {
	await_state=$(docker inspect --format "$container_format" "$1" 2>/dev/null) || return 0
	case $await_state in
	*' running '*)
		say "waiting for the migration, which still runs"
		docker wait "$1"
		docker logs --tail 200 "$1" 2>&1
		;;
	esac
	docker rm -f "$1" >/dev/null
}
