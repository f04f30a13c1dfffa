# shellcheck shell=sh
# How containers are.

# look SERVICE…: sets verdict (well, wait or bad), why, and seen: a line a
# container with its id, restarts, start and name.
look() {
	seen=
	verdict=well
	why=
	for look_service in "$@"; do
		if ! look_lines=$(describe "$look_service"); then
			verdict='wait'
			why='docker does not answer'
			return
		fi
		if [ -z "$look_lines" ]; then
			verdict=bad
			why="$look_service has no container"
			return
		fi
		while read -r look_id look_image look_name look_restarts look_started look_status look_health; do
			: "$look_image"
			seen="$seen$look_id $look_restarts $look_started ${look_name#/}
"
			case $look_status:$look_health in
			running:healthy | running:none | running:) ;;
			running:unhealthy | restarting:* | exited:* | dead:*)
				verdict=bad
				why="${look_name#/} is $look_status, $look_health"
				;;
			*)
				[ "$verdict" = bad ] || verdict='wait'
				[ "$verdict" = bad ] || why="${look_name#/} is $look_status, $look_health"
				;;
			esac
		done <<END
$look_lines
END
	done
}
