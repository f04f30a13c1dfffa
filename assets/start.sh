# shellcheck shell=sh
# The part of the travelling script that is always the same. The program lays
# one function round it, together with the folder's files, and calls that on the
# last line: a script that was cut off on its way runs nothing.
#
# Uses $directory (the environment's, on the server), $project and $nonce. Prints
# one line of JSON: the runner's (see runner.sh), or {"failed":WORD} with WORD
#   directory   there is none, or it cannot be entered
#   setsid      not on this server
#   logind      it ends whatever a session has started together with the session
#   write       .flightdeck or the folder could not be written
#   nonce       a folder of that nonce is there: this script has run before
#   runner      it said nothing: look for the nonce among the claims
# What the system said of it is on standard error.

fail() {
	printf '{"failed":"%s"}\n' "$1"
	exit 1
}

# prepare: makes .flightdeck as the directory above it is, and the folder, and
# enters that.
prepare() {
	unset CDPATH ENV BASH_ENV
	cd -- "$directory" || fail directory
	command -v setsid >/dev/null || fail setsid
	! logind_kills || fail logind
	# Who may write the directory may take part, who may read it may look on,
	# others may not. The runner and its steps inherit this. Secrets can be read
	# by those who may take part: one of them may have to recover this.
	above=$(ls -ldn .)
	# shellcheck disable=SC2034 # the secret files are laid by what the program adds
	case $above in
	?????w*) above_mode=2770 && umask 007 && secret_umask=027 ;;
	*) above_mode=2750 && umask 027 && secret_umask=077 ;;
	esac
	if [ ! -d .flightdeck ]; then
		mkdir -p .flightdeck || fail write
		# shellcheck disable=SC2086 # the fields are to be split
		set -- $above
		chgrp "$4" .flightdeck && chmod "$above_mode" .flightdeck
		printf '*\n' >.flightdeck/.gitignore || fail write
	fi
	mkdir -p ".flightdeck/$project/claims" ".flightdeck/$project/operations" \
		".flightdeck/$project/releases" || fail write
	cd -P -- ".flightdeck/$project/operations" || fail write
	[ ! -e ".new-$nonce" ] || fail nonce
	mkdir ".new-$nonce" || fail write
	cd ".new-$nonce" || fail write
}

# logind_kills: whether systemd-logind would end the runner with this connection.
logind_kills() {
	[ "$(id -u)" != 0 ] || return 1
	case $(cat /proc/self/cgroup 2>/dev/null) in */session-*.scope*) ;; *) return 1 ;; esac
	grep -qsE '^KillUserProcesses=(yes|true|on|1)' /etc/systemd/logind.conf /etc/systemd/logind.conf.d/*.conf
}

# launch HOW: starts the runner, and prints what it says of the claim.
launch() {
	: >>output.log || fail write
	# In a substitution of its own, which ends when the runner and its supervisor
	# have closed what they print to: nothing is polled.
	launched=$(setsid sh ./runner.sh "$1" "$nonce" </dev/null 2>>runner.log &)
	[ -n "$launched" ] || fail runner
	printf '%s\n' "$launched"
}
