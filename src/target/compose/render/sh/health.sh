# shellcheck shell=sh
# Waits for health, then for a time in which nothing restarts.

# wait_healthy SECONDS SERVICE…
wait_healthy() {
	tell_time
	wait_until=$((now + $1))
	shift
	while :; do
		look "$@"
		case $verdict in
		well) return 0 ;;
		bad) fail "$why" ;;
		esac
		tell_time
		[ "$now" -lt "$wait_until" ] || fail "not healthy in time: $why"
		sleep 1
	done
}

# not_restarted: whether what the switch started still is what it started.
not_restarted() {
	[ -r "$FD_FOLDER/started-$FD_DIRECTION" ] || return 0
	while read -r started_id started_restarts started_at started_name; do
		case $seen in
		*"$started_id $started_restarts $started_at"*) ;;
		*"$started_id"*) fail "$started_name restarted by itself after the switch" ;;
		esac
	done <"$FD_FOLDER/started-$FD_DIRECTION"
}

# stay_stable SECONDS SERVICE…
stay_stable() {
	tell_time
	stable_until=$((now + $1))
	shift
	look "$@"
	not_restarted
	stable_seen=$seen
	while tell_time && [ "$now" -lt "$stable_until" ]; do
		sleep 1
		look "$@"
		[ "$verdict" != bad ] || fail "$why"
		[ "$seen" = "$stable_seen" ] || fail "a container restarted or was replaced while it had to be stable"
	done
	[ "$verdict" = well ] || fail "$why"
}
