# shellcheck shell=sh
# Migrates the schema in a container of its own. It has a name and outlives its
# client: a second run waits for it instead of starting another.

# use_image SERVICE IMAGE: writes what makes Compose run that image, and never pull.
use_image() {
	override=$FD_FOLDER/migrate.yml
	printf '{"services":{"%s":{"image":"%s","pull_policy":"never"}}}\n' "$1" "$2" >"$override" ||
		fail "cannot write $override"
	[ -s "$override" ] || fail "$override is empty; is the disk full?"
}

# migrate NAME SERVICE COMMAND…
migrate() {
	migrate_name=$1
	shift
	migrate_state=$(docker inspect --format "$container_format" "$migrate_name" 2>/dev/null) || migrate_state=
	case $migrate_state in
	*' running '* | *' exited '*)
		say "the migration was started before: waiting for its end"
		docker logs --follow "$migrate_name" 2>&1
		migrate_exit=$(docker wait "$migrate_name") || fail "cannot tell how the migration ended"
		;;
	*)
		[ -z "$migrate_state" ] || docker rm -f "$migrate_name" >/dev/null
		compose run --no-deps -T --name "$migrate_name" "$@"
		migrate_exit=$?
		;;
	esac
	docker rm -f "$migrate_name" >/dev/null 2>&1
	[ "$migrate_exit" = 0 ] || fail "the migration ended with $migrate_exit"
}

# note_heads SERVICE COMMAND…: where the schema is now, told by the image that migrated.
note_heads() {
	if heads_text=$(compose run --rm --no-deps -T "$@"); then
		heads_line=$(printf '%s\n' "$heads_text" | read_heads)
		say "the schema is at $heads_line"
		result schema_heads "$heads_line"
	else
		say "where the schema is cannot be told"
	fi
}
