# shellcheck shell=sh
# PostgreSQL's own programs, in the database's own container. A survey has this part too.

# What goes before such a program there. A password comes from the container's own
# environment and stays in it; where nobody answers at the socket that the programs
# expect, the database is asked over loopback.
# shellcheck disable=SC2016 # for the shell in the container to expand
postgres_way='
if [ -z "${PGPASSWORD-}" ]; then
	[ ! -r "${POSTGRES_PASSWORD_FILE-}" ] || POSTGRES_PASSWORD=$(cat "$POSTGRES_PASSWORD_FILE")
	[ -z "${POSTGRES_PASSWORD-}" ] || export PGPASSWORD="$POSTGRES_PASSWORD"
fi
[ -n "${PGHOST-}" ] || pg_isready -q || export PGHOST=localhost
exec "$@"'

# postgres CONTAINER PROGRAM ARGUMENT...: its session bears the operation's number.
postgres() {
	postgres_container=$1
	shift
	docker exec -i -e "PGAPPNAME=flightdeck-${FD_FOLDER##*/}" "$postgres_container" \
		sh -c "$postgres_way" postgres "$@"
}
