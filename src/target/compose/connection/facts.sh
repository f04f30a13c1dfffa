# shellcheck shell=sh
# What a cockpit has to know of a server before it can observe it, in one round
# trip. The program lays endpoint.sh before it and appends the call:
# facts SOCKET DOCKER..., each quoted, with SOCKET empty where the configuration
# names none. Changes nothing.

facts() {
	socket=$1
	shift
	printf 'system %s\n' "$(uname -srm)"
	printf 'user %s\n' "$(id -un)"
	if command -v setsid >/dev/null 2>&1; then echo 'setsid yes'; fi
	if command -v "$1" >/dev/null 2>&1; then echo 'docker yes'; fi
	if [ -z "$socket" ]; then
		[ "$1" != docker ] || name_engine
		endpoint=${DOCKER_HOST:-}
		# Starting the docker command takes a while, and most people have no context of
		# their own.
		if [ -z "$endpoint" ] && has_context "$1"; then
			endpoint=$("$@" context inspect --format '{{.Endpoints.docker.Host}}' 2>/dev/null)
		fi
		case $endpoint in
		unix://*) socket=${endpoint#unix://} ;;
		'') socket=/var/run/docker.sock ;;
		*)
			# TCP or ssh: only the docker command knows how it gets there.
			printf 'endpoint %s\n' "$endpoint"
			return
			;;
		esac
	fi
	printf 'socket %s\n' "$socket"
	if [ ! -e "$socket" ]; then
		echo 'state missing'
	elif [ ! -S "$socket" ]; then
		echo 'state other'
	elif [ ! -w "$socket" ]; then
		echo 'state denied'
	else
		echo 'state open'
	fi
}
