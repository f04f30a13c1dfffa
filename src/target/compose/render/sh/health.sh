# shellcheck shell=sh
# Waits for health, then watches that nothing restarts.

# wait_well SERVICE...: until all their containers are well; fails after
# $health_timeout, and at once where waiting does not help. Prints changes only.
wait_well() {
	now
	wait_until=$((now + health_timeout))
	wait_said=
	while :; do
		if look "$@"; then
			judge "$@"
			steady || not_well 'it restarted'
			[ -n "$unwell" ] || return 0
		else
			unwell="the Engine does not answer$newline"
			lost=
		fi
		if [ "$unwell" != "$wait_said" ]; then
			wait_said=$unwell
			printf '%s' "$unwell"
		fi
		[ -z "$lost" ] || not_well 'it will not become healthy'
		now
		[ "$now" -lt "$wait_until" ] || not_well "not healthy within $health_timeout s"
		sleep 1
	done
}

not_well() {
	tell_unwell
	fail "$1"
}

# steady: whether each container that is in the notes of this direction is still
# there and has not restarted since; says which one has.
steady() {
	[ -r "$FD_FOLDER/containers.$FD_DIRECTION" ] || return 0
	steady_lines=$(cat "$FD_FOLDER/containers.$FD_DIRECTION")
	while read -r service number id name image status health restarts started rest; do
		[ -n "$service" ] || continue
		steady_was=
		steady_known=
		while read -r steady_service steady_id steady_rest; do
			[ "$steady_service" = "$service" ] && steady_known=yes
			[ "$steady_id" = "$id" ] && steady_was=$steady_rest
		done <<END
$steady_lines
END
		[ -n "$steady_known" ] || continue
		if [ -z "$steady_was" ]; then
			say "${name#/} was replaced by somebody"
			return 1
		fi
		if [ "$steady_was" != "$restarts $started" ]; then
			say "${name#/} restarted after it was healthy (restarts: $restarts)"
			return 1
		fi
	done <<END
$seen
END
	: "$number" "$image" "$status" "$health" "${rest:-}"
}

# health SECONDS SERVICE...: well, and steady for so long.
health() {
	health_seconds=$1
	shift
	wait_well "$@"
	baseline >"$FD_FOLDER/steady.$FD_DIRECTION"
	if [ ! -e "$FD_FOLDER/containers.$FD_DIRECTION" ]; then
		cp "$FD_FOLDER/steady.$FD_DIRECTION" "$FD_FOLDER/containers.$FD_DIRECTION"
	fi
	health_count=$(wc -l <"$FD_FOLDER/steady.$FD_DIRECTION")
	now
	health_until=$((now + health_seconds))
	[ "$health_seconds" = 0 ] || say "healthy; watched for $health_seconds s more"
	health_said=
	while :; do
		now
		[ "$now" -lt "$health_until" ] || break
		sleep 1
		if ! look "$@"; then
			[ -n "$health_said" ] || say 'the Engine does not answer'
			health_said=yes
			continue
		fi
		judge "$@"
		steady || not_well 'it did not stay healthy'
		if [ -n "$unwell" ]; then
			printf '%s' "$unwell"
			not_well 'it did not stay healthy'
		fi
		[ "$(printf '%s' "$seen" | wc -l)" -ge "$((health_count))" ] || not_well 'a container is gone'
	done
	say "$*: healthy"
}
