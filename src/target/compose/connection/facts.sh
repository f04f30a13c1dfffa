# shellcheck shell=sh
# What a cockpit has to know of a server before it can observe it, in one round
# trip. The program appends the call: facts SOCKET DOCKER..., each quoted, with
# SOCKET empty where the configuration names none. Changes nothing.

facts() {
	socket=$1
	shift
	printf 'system %s\n' "$(uname -srm)"
	printf 'user %s\n' "$(id -un)"
	if command -v setsid >/dev/null 2>&1; then echo 'setsid yes'; fi
	if command -v "$1" >/dev/null 2>&1; then echo 'docker yes'; fi
	printf 'compose %s\n' "$("$@" compose version --short 2>/dev/null)"
	if [ -z "$socket" ]; then
		endpoint=${DOCKER_HOST:-}
		[ -n "$endpoint" ] ||
			endpoint=$("$@" context inspect --format '{{.Endpoints.docker.Host}}' 2>/dev/null)
		case $endpoint in
		unix://*) socket=${endpoint#unix://} ;;
		'') socket=/var/run/docker.sock ;;
		*)
			# TCP or ssh: only the docker command knows how it gets there.
			printf 'endpoint %s\n' "$endpoint"
			return
			;;
		esac
		# Rootless Docker without a context of its own.
		rootless=${XDG_RUNTIME_DIR:-/run/user/$(id -u)}/docker.sock
		if [ ! -e "$socket" ] && [ -S "$rootless" ]; then socket=$rootless; fi
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
