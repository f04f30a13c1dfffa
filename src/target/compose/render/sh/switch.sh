# shellcheck shell=sh
# Recreating and restarting services.

digit='[0-9a-f]'
prefixed="$digit$digit$digit$digit$digit$digit$digit$digit$digit$digit$digit${digit}_?*"

# left_over: whether a container of the project has such a name at all; of the whole
# look, this is the half that costs least.
left_over() {
	left_over=$(docker ps -a --filter "label=com.docker.compose.project=$project" --format '{{.Names}}')
	for left_over_name in $left_over; do
		# shellcheck disable=SC2254 # a pattern
		case $left_over_name in $prefixed) return 0 ;; esac
	done
	return 1
}

killed='left over from a recreation that was killed'

# put_right WHEN: of the containers in seen, those that a recreation which was killed
# half-way has left, under names like 0ebea5f1c2d3_shop-backend. Compose 2.26 stumbles
# over one that was never started: its next up stops the service and fails. Later
# ones heal it, and keep the name for good; or start both. WHEN: before (two that run
# are left to Compose) or after (the one with the image that is asked for stays).
put_right() {
	put_right=nothing
	while read -r service number id name image status rest; do
		[ -n "$service" ] || continue
		# shellcheck disable=SC2254 # a pattern
		case ${name#/} in $prefixed) ;; *) continue ;; esac
		put_right=something
		canonical=${name#/*_}
		read -r other other_image other_status <<END_OTHER
$(docker inspect --type container --format '{{.Id}} {{.Image}} {{.State.Status}}' "$canonical" 2>/dev/null)
END_OTHER
		if [ -n "$other" ]; then
			if [ "$status:$other_status" = running:running ]; then
				[ "$1" = after ] || continue
				expected_of "$service"
				if [ "$other_image" != "$expected" ] && [ "$image" = "$expected" ]; then
					put_away "$other" "$canonical" "$killed"
				else
					put_away "$id" "${name#/}" "$killed"
					continue
				fi
			elif [ "$status" = running ]; then
				put_away "$other" "$canonical" "$killed"
			else
				put_away "$id" "${name#/}" "$killed"
				continue
			fi
		fi
		docker rename "$id" "$canonical" || fail "cannot rename ${name#/}: see above"
		say "${name#/} renamed to $canonical: $killed"
	done <<END
$seen
END
	: "$number" "${rest:-}"
}

# put_away ID NAME WHY: it has the time to stop that it was made with; it may be being
# removed already.
put_away() {
	docker stop "$1" >/dev/null 2>&1
	put_away_tries=0
	until docker rm "$1" >/dev/null 2>&1; do
		docker inspect --type container "$1" >/dev/null 2>&1 || break
		put_away_tries=$((put_away_tries + 1))
		[ "$put_away_tries" -lt 10 ] || fail "cannot remove $2 ($3): remove it by hand"
		sleep 1
	done
	say "$2 removed: $3"
}

# expected_of SERVICE: sets expected to the image that it shall run; empty: any.
expected_of() {
	expected=
	while read -r expected_service expected_id; do
		[ "$expected_service" != "$1" ] || expected=$expected_id
	done <<END
$switch_expected
END
}

# switch FLAGS SERVICE=IMAGE...: IMAGE empty: any.
switch() {
	switch_flags=$1
	shift
	switch_services=
	switch_expected=
	for switch_word; do
		service=${switch_word%%=*}
		switch_services="$switch_services $service"
		[ -n "${switch_word#*=}" ] || continue
		image_id "${switch_word#*=}" || fail "${switch_word#*=} does not lie on this server: $service cannot run it"
		switch_expected="$switch_expected$service $image_id$newline"
	done
	if left_over; then
		# shellcheck disable=SC2086 # the services are to be split
		look $switch_services || fail 'the Engine does not answer: see above'
		put_right before
	fi
	stopping_begins
	switch_up
	# shellcheck disable=SC2086
	settle switch_up $switch_services
	# shellcheck disable=SC2086
	if [ "$switch_exit" != 0 ] && made_anew $switch_services; then switch_up; fi
	[ "$switch_exit" != 0 ] || stopping_ends
	# shellcheck disable=SC2086
	look $switch_services || fail 'the Engine does not answer: see above'
	put_right after
	if [ "$put_right" = something ]; then
		# shellcheck disable=SC2086
		look $switch_services || fail 'the Engine does not answer: see above'
	fi
	# shellcheck disable=SC2086
	judge $switch_services
	if [ "$switch_exit" != 0 ]; then
		printf '%s' "$unwell"
		tell_unwell
		fail "docker compose up failed with exit code $switch_exit"
	fi
	while read -r service switch_id; do
		[ -z "$service" ] || runs "$service" "$switch_id"
	done <<END
$switch_expected
END
	note
}

# switch_up: sets switch_exit.
switch_up() {
	# shellcheck disable=SC2086 # flags and services are to be split
	compose up -d --wait --wait-timeout "$health_timeout" --pull never --no-build $switch_flags $switch_services </dev/null
	switch_exit=$?
}

# runs SERVICE ID: fails where one of its containers, from seen, runs another image.
runs() {
	runs_count=0
	while read -r service number id name image rest; do
		[ "$service" = "$1" ] || continue
		runs_count=$((runs_count + 1))
		[ "$image" = "$2" ] && continue
		short "$image" "$2"
		fail "${name#/} runs another image than it shall: $short. Is the pin used by the compose file?"
	done <<END
$seen
END
	: "$number" "$id" "${rest:-}"
	[ "$runs_count" -gt 0 ] || fail "$1 has no container after docker compose up: does a profile leave it out?"
	say "$1 runs the image that was asked for"
}

# restart SERVICE...
restart() {
	# Compose gives up the others where one cannot be restarted.
	compose restart "$@" </dev/null || { made_anew "$@" && compose restart "$@" </dev/null; } ||
		fail 'docker compose restart failed: see above'
	wait_well "$@"
	note
}
