# shellcheck shell=sh
# Replacing a service's containers with no moment in which none serves. Until the
# old ones are gone both answer under the service's name.

roll_format='{{.Id}} {{.Name}} {{.Image}} {{index .Config.Labels "com.docker.compose.config-hash"}}'

# sort_out SERVICE MOST: sets fresh to the IDs of its containers that are what the
# pins and files say, MOST of them, and stale to those of the others.
sort_out() {
	sort_by_image=
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
	sort_count=0
	sort_ids=$(containers_of "$1") || fail 'the Engine does not answer: see above'
	[ -n "$sort_ids" ] || return 0
	# One that has gone since is an error for docker, and not for us.
	# shellcheck disable=SC2086 # the IDs are to be split
	sort_lines=$(docker inspect --type container --format "$roll_format" $sort_ids 2>/dev/null)
	while read -r id name image hash; do
		[ -n "$id" ] || continue
		[ -z "$sort_by_image" ] || hash=$roll_hash
		if [ "$image:$hash" = "$image_id:$roll_hash" ] && [ "$sort_count" -lt "$2" ]; then
			fresh="$fresh $id"
			sort_count=$((sort_count + 1))
		else
			stale="$stale $id"
		fi
	done <<END
$sort_lines
END
	: "$name"
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
	if left_over; then
		switch_expected="$roll_service $image_id"
		look "$roll_service" || fail 'the Engine does not answer: see above'
		put_right before
	fi
	sort_out "$roll_service" "$roll_replicas"
	# shellcheck disable=SC2086 # the IDs are to be split
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
	for roll_id in $stale; do
		put_away "$roll_id" "the old $roll_service ${roll_id%"${roll_id#????????????}"}" 'the new one serves'
	done
	look "$roll_service" || fail 'the Engine does not answer: see above'
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
			for roll_id in $fresh; do
				put_away "$roll_id" "the new $roll_service ${roll_id%"${roll_id#????????????}"}" 'the old one serves on'
			done
		fi
	fi
	fail "$1"
}
