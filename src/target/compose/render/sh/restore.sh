# shellcheck shell=sh
# A backup in the database's place, and what uses the database out of its way.

# Empties a database, in the transaction that fills it again. What is only in the
# database now goes too: tables of later revisions would be in the way of their own
# migrations.
# shellcheck disable=SC2016 # dollars quote in SQL
restore_empty='SET client_min_messages = error;
SET lock_timeout = 30000;
BEGIN;
DO $empty$
DECLARE schema_name text;
BEGIN
	FOR schema_name IN SELECT nspname FROM pg_catalog.pg_namespace
		WHERE nspname !~ $own$^pg_$own$ AND nspname <> $own$information_schema$own$
	LOOP
		EXECUTE pg_catalog.format($drop$DROP SCHEMA %I CASCADE$drop$, schema_name);
	END LOOP;
	PERFORM pg_catalog.lo_unlink(oid) FROM pg_catalog.pg_largeobject_metadata;
	CREATE SCHEMA public;
	GRANT USAGE ON SCHEMA public TO PUBLIC;
	IF pg_catalog.current_setting($own$server_version_num$own$)::integer < 150000 THEN
		GRANT CREATE ON SCHEMA public TO PUBLIC;
	ELSE
		ALTER SCHEMA public OWNER TO pg_database_owner;
	END IF;
END $empty$;'

# pg_restore commits once it has read the backup to its end, and only then; what psql
# says last tells that. Its own beginning of the transaction is the second.
# shellcheck disable=SC2016 # for the shell in the container to expand
restore_way='{
	printf "%s\n" "$3"
	pg_restore --clean --if-exists --single-transaction --file=/dev/stdout && printf "%s\n" "\\echo restored"
} | psql -X -q -w -v ON_ERROR_STOP=1 -o /dev/null -U "$2" -d "$1"'

# restore_postgres HANDLE SERVICE DATABASE USER: all of it or nothing.
restore_postgres() {
	[ -r "$1" ] || fail "$1 is not there, or may not be read by this user"
	container_of "$2" || fail "$2 does not run: nothing can be brought back into it"
	migrations
	[ -z "$migrations" ] || fail "a migration still runs, in the container $migrations: wait for it, or end it with docker stop"
	end_sessions "$3" "$4"
	say "bringing back $1"
	: >"$FD_FOLDER/restore.began"
	# An error may quote what is in the database: not more of it than tells the place.
	restore_said=$({
		postgres "$container" sh -c "$restore_way" restore "$3" "$4" "$restore_empty" <"$1"
		printf '%s\n' "$?" >"$FD_FOLDER/restore.exit"
	} 2>&1 | cut -c 1-300 | tail -c 4096)
	say "$restore_said"
	case $newline$restore_said in
	*"${newline}restored")
		say "the database is as it was saved in $1"
		restored_schema
		return
		;;
	esac
	say 'the sessions that the database has:'
	postgres "$container" psql -X -w -U "$4" -d "$3" -c "
		SELECT application_name, usename, client_addr, state FROM pg_stat_activity
		WHERE datname = current_database() AND pid <> pg_backend_pid()" </dev/null
	read -r restore_exit <"$FD_FOLDER/restore.exit"
	case $restore_exit in
	0 | 2 | 3)
		rm -f "$FD_FOLDER/restore.began"
		fail 'it could not be restored: see above. The database is as it was'
		;;
	esac
	# The link to the Engine may have broken after the last word.
	fail "it could not be restored: see above (exit code $restore_exit). Whether the database is as it was is not known"
}

# restore_command HANDLE COMMAND: for sh -c.
restore_command() {
	FD_HANDLE=$1
	export FD_HANDLE
	: >"$FD_FOLDER/restore.began"
	sh -c "$2" </dev/null
	restore_exit=$?
	[ "$restore_exit" = 0 ] || fail "the restore command failed with exit code $restore_exit: how the database is now, only it can tell"
	restored_schema
}

# restored_schema: where it was before is not where it is.
restored_schema() {
	rm -f "$FD_FOLDER/results/schema_heads"
}

# own_backup: sets handle to what this operation saved before it touched the database, or
# what the operations did that it recovers; empty where none of them touched it.
own_backup() {
	handle=
	own_touched=no
	own_folder=$FD_FOLDER
	while :; do
		[ ! -e "$own_folder/restore.began" ] || own_touched=yes
		[ -n "$handle" ] || [ ! -s "$own_folder/results/backup" ] || read -r handle <"$own_folder/results/backup"
		[ -r "$own_folder/recovers" ] || break
		read -r own_id own_rest <"$own_folder/recovers"
		own_folder=${FD_FOLDER%/*}/$own_id
	done
	: "${own_rest:-}"
	if [ "$own_touched" = no ]; then
		handle=
		say 'the database was not touched: nothing is brought back'
	elif [ -z "$handle" ]; then
		fail 'the database was touched, and what was saved before is not known: look at the backups on the server'
	fi
}

# stop_services SERVICE...
stop_services() {
	stopping_begins
	compose stop "$@" || fail "cannot stop $*: see above"
	stopping_ends
	say "stopped: $*"
}

# start_services SERVICE...: their containers as they are. Compose would also start again
# what they depend on, one-off jobs among it.
start_services() {
	start_services=$*
	stopping_left
	start_them
	settle start_them "$@"
	stopping_ends
	rm -f "$FD_FOLDER/containers.$FD_DIRECTION"
	say "started: $*"
}

start_them() {
	for service in $start_services; do
		start_ids=$(containers_of "$service") || fail 'the Engine does not answer: see above'
		[ -n "$start_ids" ] || fail "$service has no container any more: docker compose up -d $service makes one"
		# shellcheck disable=SC2086 # an ID a word
		docker start $start_ids >/dev/null || made_anew "$service" || fail "cannot start $service: see above"
	done
}
