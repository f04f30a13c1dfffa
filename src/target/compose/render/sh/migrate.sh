# shellcheck shell=sh
# The schema: where it is, and its migration.

# inside SERVICE COMMAND...: in its running container.
inside() {
	container_of "$1" || return 1
	shift
	docker_within 40 exec "$container" "$@"
	inside_exit=$?
	[ "$inside_exit" != 124 ] || say "$1 took longer than 40 s there" >&2
	return "$inside_exit"
}

# once SERVICE COMMAND...: in a container of its own, with the image that $override,
# a compose file of ours, gives the service.
once() {
	compose run --rm --no-deps -T "$@" </dev/null
}

# ask_heads AT FORMAT COMMAND...: read_heads, with all that is complained of. Sets ahead
# also where Alembic complains of it, and where Django does not list one of AT, heads
# that were told before, with blanks between: it does not say what it misses.
ask_heads() {
	ask_at=$1
	shift
	if read_heads "$@" 2>"$FD_FOLDER/heads.complaint"; then
		cat "$FD_FOLDER/heads.complaint" >&2
		[ "$1" = django ] || return 0
		for ask_head in $ask_at; do
			case $heads_text$newline in
			*" $ask_head$newline"*) ;;
			*) ahead=$ask_head ;;
			esac
		done
		[ -z "$ahead" ]
		return
	fi
	printf '%s\n' "$heads_text"
	ask_complaint=$(head -c 65536 "$FD_FOLDER/heads.complaint")
	printf '%s\n' "$ask_complaint" >&2
	case $heads_text$newline$ask_complaint in
	*"Can't locate revision identified by '"*)
		ahead=${heads_text}$newline$ask_complaint
		ahead=${ahead#*"Can't locate revision identified by '"}
		ahead=${ahead%%"'"*}
		;;
	esac
	return 1
}

# note_heads RESULT FORMAT COMMAND...: what this operation has noted before stays where
# an image that the database is ahead of is asked.
note_heads() {
	note_result=$1
	note_before=
	[ ! -s "$FD_FOLDER/results/$1" ] || read -r note_before <"$FD_FOLDER/results/$1"
	shift
	migrations
	if [ -n "$migrations" ]; then
		rm -f "$FD_FOLDER/results/$note_result"
		say "where the schema will be is not known: a migration still runs, in the container $migrations"
	elif ask_heads "$(printf '%s' "$note_before" | tr , ' ')" "$@"; then
		result "$note_result" "$heads"
		say "schema at $heads"
	else
		case ",$note_before," in
		*",${ahead:-?},"*) ;;
		*) rm -f "$FD_FOLDER/results/$note_result" ;;
		esac
		if [ -n "$ahead" ]; then
			say "the database is ahead of this image: it is at $ahead, which the image does not have"
		else
			say 'where the schema is could not be told: see above'
		fi
	fi
}

# knows_schema LABEL AT FORMAT COMMAND...: fails where the database is at a revision
# that the image asked does not have. AT are the heads as the image that runs told
# them, with blanks between.
knows_schema() {
	knows_label=$1
	knows_at=$2
	shift 2
	migrations
	if [ -n "$migrations" ]; then
		say "a migration still runs, in the container $migrations: where the schema will be is not known"
		return 0
	fi
	if ask_heads "$knows_at" "$@"; then
		[ -z "$ahead" ] || is_ahead "$ahead"
		result schema_heads_before "$heads"
		say "schema at $heads, which $knows_label knows"
		return 0
	fi
	[ -z "$ahead" ] || is_ahead "$ahead"
	say 'where the schema is could not be told with this image: see above'
}

# is_ahead REVISION
is_ahead() {
	fail "the database is ahead of $knows_label: it is at $1, which that image does not have. Nothing has changed. Roll back to a release of that schema, promote a version that has the revision, or promote with --no-migrate one that bears the newer schema"
}

# migrations: sets migrations to the names of those that run in this project.
migrations() {
	migrations=$(docker ps --filter "label=com.docker.compose.project=$project" \
		--filter "name=^/?fd-$project-[0-9]+-" --format '{{.Names}}')
}

# migrations_end: waits for those of this operation that have outlived their step, and
# takes down how they ended.
migrations_end() {
	for migrate_name in $(docker ps -a --filter "label=com.docker.compose.project=$project" \
		--filter "name=^/?fd-$project-$FD_FIRST-" --format '{{.Names}}'); do
		state_of_migration
		[ -n "$migrate_state" ] || continue
		say "the migration in the container $migrate_name has outlived its step: waiting for it (docker stop $migrate_name ends it)"
		docker logs -f --tail 200 "$migrate_name" 2>&1
		migrate_over
	done
	migrations
	[ -z "$migrations" ] || say "a migration still runs, in the container $migrations, and goes on by itself"
}

# state_of_migration: sets migrate_state for migrate_name; empty where it never began.
state_of_migration() {
	migrate_state=$(docker inspect --type container --format '{{.State.Status}}' "$migrate_name" 2>/dev/null)
	[ "$migrate_state" = created ] || return 0
	docker rm "$migrate_name" >/dev/null || fail "cannot remove $migrate_name, which never began: see above"
	migrate_state=
}

# migrate_over: of the one called migrate_name, sets migrate_exit, writes it down, and
# takes the container away.
migrate_over() {
	migrate_exit=$(docker wait "$migrate_name")
	case $migrate_exit in
	'' | *[!0-9]*) fail "how the migration ended could not be told; it may still run, in the container $migrate_name" ;;
	esac
	printf '%s\n' "$migrate_exit" >"$FD_FOLDER/$migrate_name.exit"
	docker rm "$migrate_name" >/dev/null
	say "the migration ended with exit code $migrate_exit"
}

# migrate CONTAINER SERVICE COMMAND...: sets migrate_exit. The container has a name
# and outlives whoever waits for it, so that a second run of this step waits
# for the same migration.
migrate() {
	migrate_name=$1
	shift
	migrate_done=$FD_FOLDER/$migrate_name.exit
	if [ -s "$migrate_done" ]; then
		read -r migrate_exit <"$migrate_done"
		say "the migration has run already, with exit code $migrate_exit"
		return
	fi
	state_of_migration
	if [ -z "$migrate_state" ]; then
		migrations
		[ -z "$migrations" ] ||
			fail "another migration still runs, in the container $migrations: wait for it, or end it with docker stop"
		compose run -d --no-deps -T --name "$migrate_name" "$@" </dev/null >/dev/null ||
			fail 'the migration could not be started: see above'
	else
		say "the migration was begun before, in the container $migrate_name: waiting for it"
	fi
	docker logs -f "$migrate_name" 2>&1
	migrate_over
}
