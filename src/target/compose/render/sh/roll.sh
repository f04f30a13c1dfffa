# shellcheck shell=sh
# Replacing a service's containers with no moment in which none serves. Until the
# old ones are gone both answer under the service's name.

roll_format='{{.Id}} {{.State.Status}} {{.Image}} {{index .Config.Labels "com.docker.compose.config-hash"}}'

# sort_out SERVICE MOST: sets fresh to the IDs of its containers that are what the
# pins and files say, MOST of them; of the others, stale to those that run, and idle
# to those that do not.
sort_out() {
	sort_by_image=
	sort_retired=$newline$(cat "$FD_FOLDER"/../*/retired 2>/dev/null)$newline
	sort_them "$@"
	# On the way back what ran is better kept than made anew, even where another
	# Compose made it, whose fingerprints are others.
	if [ -z "$fresh" ] && [ "$FD_DIRECTION" = back ]; then
		sort_by_image=yes
		sort_them "$@"
	fi
}

sort_them() {
	fresh=
	stale=
	idle=
	sort_count=0
	sort_ids=$(containers_of "$1") || fail 'the Engine does not answer: see above'
	[ -n "$sort_ids" ] || return 0
	# One that has gone since is an error for docker, and not for us.
	# shellcheck disable=SC2086 # the IDs are to be split
	sort_lines=$(docker inspect --type container --format "$roll_format" $sort_ids 2>/dev/null)
	[ -n "$sort_lines" ] || fail 'the Engine does not answer: see above'
	while read -r id status image hash; do
		[ -z "$sort_by_image" ] || hash=$roll_hash
		case "$sort_retired:$image:$hash" in
		*"$newline$id$newline"*) ;;
		*":$image_id:$roll_hash")
			if [ "$sort_count" -lt "$2" ]; then
				fresh="$fresh $id"
				sort_count=$((sort_count + 1))
				continue
			fi
			;;
		esac
		case $status in
		created | exited | dead) idle="$idle $id" ;;
		*) stale="$stale $id" ;;
		esac
	done <<END
$sort_lines
END
}

# all_run ID...: whether each of these runs.
all_run() {
	all_run=$(docker inspect --type container --format '{{.State.Status}}' "$@" 2>/dev/null)
	for all_run_id; do
		: "$all_run_id"
		case $all_run in
		running*) all_run=${all_run#running} && all_run=${all_run#"$newline"} ;;
		*) return 1 ;;
		esac
	done
}

# retire WHAT WHY ID...: they stop together, and go. It is written down before: the
# Engine goes on stopping a container when whoever asked for it has been killed, and
# until it has ended it runs and is healthy. Nobody is to rely on it then, neither the
# way back nor another operation.
retire() {
	retire_what=$1
	retire_why=$2
	shift 2
	[ "$#" -gt 0 ] || return 0
	printf '\n%s' "$@" >>"$FD_FOLDER/retired" || [ "$FD_DIRECTION" = back ] ||
		fail "cannot write down that $retire_what is stopped: see above"
	docker stop "$@" >/dev/null 2>&1
	for retire_id; do
		put_away "$retire_id" "$retire_what ${retire_id%"${retire_id#????????????}"}" "$retire_why"
	done
}

# roll FLAGS SECONDS REPLICAS SERVICE IMAGE: the old ones go once the new are
# healthy and have been steady for so long. Where the new ones do not hold they
# go, and the old ones serve on.
roll() {
	roll_flags=$1
	roll_seconds=$2
	roll_replicas=$3
	roll_service=$4
	image_id "$5" || fail "$5 does not lie on this server: $roll_service cannot run it"
	roll_hash=$(compose config --hash "$roll_service" </dev/null) || fail 'docker compose config failed: see above'
	roll_hash=${roll_hash##* }
	switch_expected="$roll_service $image_id"
	if left_over; then
		look "$roll_service" || fail 'the Engine does not answer: see above'
		put_right before
	fi
	sort_out "$roll_service" "$roll_replicas"
	# They serve nobody, and up would start them.
	# shellcheck disable=SC2086 # the IDs are to be split
	retire "a stopped $roll_service" 'it is not what shall run' $idle
	# shellcheck disable=SC2086
	if [ "$sort_count" -lt "$roll_replicas" ] || ! all_run $fresh; then
		# shellcheck disable=SC2086
		set -- $stale
		# Nothing that is there is recreated or taken away; --wait would wait for the old ones too.
		# shellcheck disable=SC2086 # the flags are to be split
		compose up -d --no-recreate --scale "$roll_service=$(($# + roll_replicas))" \
			--pull never --no-build $roll_flags "$roll_service" </dev/null
		roll_exit=$?
		sort_out "$roll_service" "$roll_replicas"
		[ "$roll_exit" = 0 ] || roll_undone "docker compose up failed with exit code $roll_exit"
		[ "$sort_count" = "$roll_replicas" ] ||
			roll_undone "$roll_service would run another image than it shall. Is the pin used by the compose file?"
	fi
	only=$fresh
	(health "$roll_seconds" "$roll_service") || roll_undone "the new $roll_service does not hold"
	only=
	# shellcheck disable=SC2086 # the IDs are to be split
	retire "the old $roll_service" 'the new one serves' $stale $idle
	look "$roll_service" || fail 'the Engine does not answer: see above'
	put_right after
	if [ "$put_right" = something ]; then
		look "$roll_service" || fail 'the Engine does not answer: see above'
	fi
	runs "$roll_service" "$image_id"
	note
}

# roll_undone WHY: the new ones go, if old ones serve.
roll_undone() {
	roll_serving=
	for roll_id in $stale; do
		all_run "$roll_id" && roll_serving=yes
	done
	only=$fresh
	if [ -n "$fresh" ] && look "$roll_service"; then
		keep_words "$roll_service" "$image_id"
		if [ -n "$roll_serving" ]; then
			# shellcheck disable=SC2086 # the IDs are to be split
			retire "the new $roll_service" 'the old one serves on' $fresh
		fi
	fi
	fail "$1"
}
