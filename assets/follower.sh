# shellcheck shell=sh
# The host's follower: tells what files say that the Engine's events do not, for
# all environments of one host, and ends when its standard input does. Reads
# only. The program lays newer.sh, claim.sh and ledger_shape.sh before it and one function
# round all, with
# these calls, then follow:
#
#   environment INDEX DIRECTORY PROJECT
#   pin INDEX NUMBER FILE VARIABLE   VARIABLE empty: FILE is an override file of ours
#   file INDEX PATH                  a compose or environment file, to be hashed
#
# Relative paths are meant from DIRECTORY; no path holds a line end.
#
# Prints frames, "@INDEX PART LENGTH\n", LENGTH bytes, "\n". The first pass tells
# every part but shape of every environment, empty ones too, and ends with
# "@- ready 0"; then shape, for which nobody waits; later only what has changed. Parts:
#   fault      empty, or "directory" where that cannot be entered
#   pin        a line a pin: NUMBER TAB the variable's line as it stands in the
#              file (the last one wins); all lines of an override file. Never
#              another line of an environment file: those are secrets
#   files      a line a file: path as given TAB algorithm:hash in hexadecimal; no
#              hash where it cannot be read. algorithm: sha256, or cksum (its sum and
#              the length) where there is no other
#   ledger     the last 200 lines
#   shape      where all of it is damaged: see ledger_shape.sh
#   operation  "42\n" and the claim's record "\n": the newest claim, or the one
#              that it passed and that still stands; empty where there is none
#   plan       its plan.json
#   journal    its journal.jsonl, whole
#   cancel     "yes" once somebody asked to cancel it
#   end        its end.json
#   liveness   alive | orphaned | dead | unknown while it has not ended; or "newer FILE":
#              a newer format has written that of it, see newer.sh
# With INDEX "-": clock, the server's seconds since 1970 (with a fraction where
# its date can), first of all and once a minute.

unset CDPATH
LC_ALL=C
environments=0
newline='
'
tab='	'

environment() {
	environments=$((environments + 1))
	base=$2
	case $base in
	[~]) base=$HOME ;;
	[~]/*) base=$HOME/${base#??} ;;
	esac
	eval "base_$1=\$base root_$1=\$base/.flightdeck/\$3"
	eval "pins_$1= files_$1= shown_$1= settled_$1="
}

pin() {
	eval "pins_$1=\$pins_$1\$2\$tab\$4\$tab\$3\$newline"
}

file() {
	eval "files_$1=\$files_$1\$2\$newline"
}

# recall NAME: sets recalled to what this environment has under NAME.
recall() {
	eval "recalled=\${$1_$index-}"
}

# remember NAME VALUE
remember() {
	eval "$1_$index=\$2"
}

# absolute PATH: sets absolute.
absolute() {
	case $1 in
	/*) absolute=$1 ;;
	*) absolute=$base/$1 ;;
	esac
}

# frame INDEX PART CONTENT
frame() {
	printf '@%s %s %s\n%s\n' "$1" "$2" "${#3}" "$3"
}

# tell PART CONTENT: a frame if it is another than before.
tell() {
	recall "told_$1"
	if [ "$recalled" != "=$2" ]; then
		remember "told_$1" "=$2"
		frame "$index" "$1" "$2"
	fi
}

# contents COMMAND…: sets contents to what it prints, line ends kept.
contents() {
	contents=$("$@" 2>/dev/null && printf x)
	contents=${contents%x}
}

# skip_blanks TEXT: sets rest.
skip_blanks() {
	rest=${1#"${1%%[!	 ]*}"}
}

# assigns LINE VARIABLE: whether a line of an environment file sets it.
assigns() {
	skip_blanks "$1"
	case $rest in
	"export "* | "export	"*) skip_blanks "${rest#export}" ;;
	esac
	case $rest in
	"$2"*) skip_blanks "${rest#"$2"}" ;;
	*) return 1 ;;
	esac
	case $rest in [=:]*) ;; *) return 1 ;; esac
}

# pin_lines NUMBER VARIABLE FILE: adds to pin_text.
pin_lines() {
	absolute "$3"
	[ -f "$absolute" ] && [ -r "$absolute" ] || return 0
	pin_first=yes
	pin_found=
	while IFS= read -r pin_line || [ -n "$pin_line" ]; do
		if [ "$pin_first" = yes ]; then
			pin_line=${pin_line#"$byte_order_mark"}
			pin_first=no
		fi
		if [ -z "$2" ]; then
			pin_found=$pin_found$1$tab$pin_line$newline
		elif assigns "$pin_line" "$2"; then
			pin_found=$1$tab$pin_line$newline
		fi
	done 2>/dev/null <"$absolute"
	pin_text=$pin_text$pin_found
}

tell_pins() {
	pin_text=
	recall pins
	IFS=$newline
	for pin_entry in $recalled; do
		IFS=' '
		pin_number=${pin_entry%%"$tab"*}
		pin_entry=${pin_entry#*"$tab"}
		pin_lines "$pin_number" "${pin_entry%%"$tab"*}" "${pin_entry#*"$tab"}"
	done
	IFS=' '
	tell pin "$pin_text"
}

tell_files() {
	files_text=
	recall files
	IFS=$newline
	for files_path in $recalled; do
		IFS=' '
		absolute "$files_path"
		files_hash=
		if [ -f "$absolute" ]; then
			files_hash=$("$hash" <"$absolute" 2>/dev/null) || files_hash=
			hash_word
		fi
		files_text=$files_text$files_path$tab${files_hash:+$algorithm:$files_hash}$newline
	done
	IFS=' '
	tell files "$files_text"
}

# hash_word: makes of files_hash what steps and plans write: hexadecimal digits; of
# cksum its sum and the length, eight digits each at least.
hash_word() {
	if [ "$algorithm" = sha256 ] || [ -z "$files_hash" ]; then
		files_hash=${files_hash%% *}
		return
	fi
	IFS=' '
	# shellcheck disable=SC2086 # the fields are to be split
	set -- $files_hash
	files_hash=$(printf '%08x%08x' "$1" "$2")
}

# find_operation: as find_shown, which needs file names to be expanded.
find_operation() {
	set +f
	find_shown
	set -f
}

judge() {
	set +f
	holder_of "$1"
	set -f
}

tell_operation() {
	find_operation
	recall shown
	if [ "$shown" != "$recalled" ]; then
		remember shown "$shown"
		# Nothing of one operation is another's, even where both say the same: a recovery has
		# the plan of what it recovers.
		for part in plan journal cancel end liveness; do remember "told_$part" ''; done
		relist=yes
	fi
	# One that never began is nobody's business.
	case $shown:$holder in
	:* | *:never_began | *:unbegun) find_none=yes ;;
	*) find_none=no ;;
	esac
	if [ "$find_none" = yes ]; then
		tell operation ''
		for part in plan journal cancel end liveness; do tell $part ''; done
		remember settled yes
		return
	fi
	tell operation "$(number "$shown")$newline$claim$newline"
	contents cat "$root/operations/$shown/plan.json"
	tell plan "$contents"
	contents cat "$root/operations/$shown/journal.jsonl"
	tell journal "$contents"
	contents=
	[ ! -e "$root/operations/$shown/cancel" ] || contents=yes
	tell cancel "$contents"
	contents cat "$root/operations/$shown/end.json"
	# Of one that died before it was put in its place.
	[ -n "$contents" ] || [ "$holder" != ended ] || contents cat "$root/operations/$shown/end.new"
	tell end "$contents"
	tell_liveness
}

# tell_liveness: from holder, as judged last. An orphaned step may end, and a lock
# has no process that could die.
tell_liveness() {
	settled=
	case $holder in
	ended) tell liveness '' && settled=yes ;;
	alive | orphaned) tell liveness "$holder" ;;
	lock) tell liveness alive && settled=yes ;;
	interrupted | never_began | unbegun) tell liveness dead && settled=yes ;;
	format) tell liveness "newer $newer_file" && settled=yes ;;
	*) tell liveness unknown ;;
	esac
	remember settled "$settled"
}

# enter INDEX: makes base and root this environment's.
enter() {
	index=$1
	recall base
	base=$recalled
	recall root
	root=$recalled
}

# changed GROUP PATH…: whether one of the paths has another stamp than when this
# was asked last, or this is the first pass.
changed() {
	changed_group=$1
	shift
	changed_stamps=$first_pass
	for changed_path in "$@"; do
		stamp_of "$changed_path"
		changed_stamps=$changed_stamps$newline$stamp
	done
	recall "stamps_$changed_group"
	[ "$recalled" != "$changed_stamps" ] || return 1
	remember "stamps_$changed_group" "$changed_stamps"
}

# stamp_of PATH: sets stamp, empty where there is no such file.
stamp_of() {
	stamp=
	if [ "$stat_formats" = no ]; then
		stamp=$stamps
		return
	fi
	case $newline$stamps in
	*"$newline$1 "*)
		stamp=$newline$stamps
		stamp=${stamp#*"$newline$1 "}
		stamp=${stamp%%"$newline"*}
		;;
	esac
}

# look: tells what has changed of this environment.
look() {
	if changed base "$base"; then
		if [ -d "$base" ] && [ -x "$base" ]; then
			tell fault ''
		else
			tell fault directory
		fi
	fi
	project_files
	IFS=$newline
	# shellcheck disable=SC2086 # a path a line
	set -- $project_files
	IFS=' '
	if changed files "$@"; then
		tell_pins
		tell_files
	fi
	if changed ledger "$root/ledger.jsonl"; then
		contents=
		[ ! -r "$root/ledger.jsonl" ] || contents tail -n 200 "$root/ledger.jsonl"
		tell ledger "$contents"
	fi
	recall shown
	if changed operation "$root/claims" "$root/operations/$recalled/plan.json" \
		"$root/operations/$recalled/journal.jsonl" "$root/operations/$recalled/cancel" \
		"$root/operations/$recalled/end.json"; then
		tell_operation
	fi
}

# project_files: sets files to the paths of pins and files, a line each.
project_files() {
	project_files=
	recall files
	IFS=$newline
	for project_file in $recalled; do
		absolute "$project_file"
		project_files=$project_files$absolute$newline
	done
	recall pins
	for project_file in $recalled; do
		project_file=${project_file#*"$tab"}
		absolute "${project_file#*"$tab"}"
		project_files=$project_files$absolute$newline
	done
	IFS=' '
}

# list: sets watched to all paths of all environments, a line each.
list() {
	watched=
	index=0
	while [ "$index" -lt "$environments" ]; do
		enter "$index"
		project_files
		watched=$watched$project_files$base$newline$root/claims$newline$root/ledger.jsonl$newline
		recall shown
		if [ -n "$recalled" ]; then
			for list_name in plan.json journal.jsonl cancel end.json; do
				watched=$watched$root/operations/$recalled/$list_name$newline
			done
		fi
		index=$((index + 1))
	done
	relist=no
}

# stamp: sets stamps to what one process tells of all watched paths.
stamp() {
	IFS=$newline
	# shellcheck disable=SC2086 # a path a line
	set -- $watched
	IFS=' '
	if [ "$stat_formats" = yes ]; then
		stamps=$(stat -L -c '%n %i %s %y %z' -- "$@" 2>/dev/null)
	else
		stamps=$(ls -Lidln -- "$@" 2>/dev/null)
	fi
}

look_everywhere() {
	index=0
	while [ "$index" -lt "$environments" ]; do
		enter "$index"
		look
		index=$((index + 1))
	done
}

tell_shapes() {
	index=0
	while [ "$index" -lt "$environments" ]; do
		enter "$index"
		if changed shape "$root/ledger.jsonl"; then
			contents ledger_shape "$root"
			tell shape "$contents"
		fi
		index=$((index + 1))
	done
}

tell_clock() {
	clock=$(date +%s.%N)
	case $clock in *[!0-9.]* | *.) clock=$(date +%s) ;; esac
	frame - clock "$clock"
}

watch_files() {
	set -f
	IFS=' '
	byte_order_mark=$(printf '\357\273\277')
	if command -v sha256sum >/dev/null; then
		algorithm=sha256
		hash=sha256sum
	else
		algorithm='cksum'
		hash='cksum'
	fi
	stat_formats=no
	stat -c '%z' / >/dev/null 2>&1 && stat_formats=yes
	fractions=no
	sleep 0.01 2>/dev/null && fractions=yes
	here
	tell_clock
	list
	stamp
	told_stamps=$stamps
	first_pass=yes
	look_everywhere
	first_pass=
	frame - ready ''
	tell_shapes
	ticks=0
	while :; do
		busy=no
		index=0
		while [ "$index" -lt "$environments" ]; do
			recall settled
			[ -n "$recalled" ] || busy=yes
			index=$((index + 1))
		done
		if [ "$busy" = yes ] && [ "$fractions" = yes ]; then
			sleep 0.5 >/dev/null 2>&1
			ticks=$((ticks + 1))
		else
			sleep 1 >/dev/null 2>&1
			ticks=$((ticks + 2))
		fi
		[ "$relist" = no ] || list
		stamp
		if [ "$stamps" != "$told_stamps" ]; then
			told_stamps=$stamps
			look_everywhere
			tell_shapes
		elif [ "$busy" = yes ] && [ $((ticks % 4)) = 0 ]; then
			# A process that dies touches no file.
			look_at_holders
		fi
		if [ "$ticks" -ge 120 ]; then
			ticks=0
			tell_clock
		fi
	done
}

look_at_holders() {
	index=0
	while [ "$index" -lt "$environments" ]; do
		enter "$index"
		recall settled
		if [ -z "$recalled" ]; then
			recall shown
			judge "$recalled"
			if [ "$holder" = ended ]; then tell_operation; else tell_liveness; fi
		fi
		index=$((index + 1))
	done
}

follow() {
	watch_files </dev/null &
	watching=$!
	cat >/dev/null
	kill "$watching" 2>/dev/null
}
