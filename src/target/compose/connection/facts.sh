# shellcheck shell=sh
# What a cockpit has to know of a server before it can observe it, in one round
# trip. The program appends the call: facts SOCKET DOCKER..., each quoted, with
# SOCKET empty where the configuration names none. Changes nothing.

# has_context COMMAND: whether the docker command may have another endpoint than
# the usual one. What stands before it, such as sudo, has a configuration of its
# own, which cannot be looked at.
has_context() {
	[ "$1" != docker ] || [ -n "${DOCKER_CONTEXT:-}" ] ||
		grep -q '"currentContext"' "${DOCKER_CONFIG:-$HOME/.docker}/config.json" 2>/dev/null
}

facts() {
	socket=$1
	shift
	printf 'system %s\n' "$(uname -srm)"
	printf 'user %s\n' "$(id -un)"
	if command -v setsid >/dev/null 2>&1; then echo 'setsid yes'; fi
	if command -v "$1" >/dev/null 2>&1; then echo 'docker yes'; fi
	if [ -z "$socket" ]; then
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
