# shellcheck shell=sh
# Where a ledger is damaged, told of all of it: sed looks at each line, and holds one at
# a time. Laid before the follower and before what reads the history.
#
# Noticed is, wherever it stands in a line: a control character or a byte that is no
# UTF-8, an escape or a word that JSON does not know, a text without its end, a comma or
# a colon too few or too many, brackets that do not pair; and that a line lacks what the
# runner writes last: number, times, outcome and results. So a line that was torn, that
# runs into another, or that something else has been written into.
# Not noticed is what is JSON all the same: letters and digits that became others, since
# no line has a sum of its own; a value of another kind than it should be, and a field
# that is missing from a line's beginning, which whoever reads the line notices.
# What a newer format means is not known: of that only whether it is JSON. All of it is
# taken as flightdeck writes it, without blanks between.
#
# A ledger that is halved when it is long has fewer lines than are looked at in full.
# Of one that is not, whose older lines could take a slow server minutes, these are
# looked at byte by byte alone: commas, colons and brackets may stand anywhere there.

shape_in_full=4000

# ledger_shape DIRECTORY: for each of the two ledger files that is there its name,
# then how many lines it has, then the numbers of those that are not whole, a thousand at
# most. A last line without its end may be on its way; its number is told all the same.
ledger_shape() {
	shape_signs
	for shape_name in ledger.1.jsonl ledger.jsonl; do
		if [ ! -s "$1/$shape_name" ] || [ ! -r "$1/$shape_name" ]; then continue; fi
		shape_count=$(shape_bytes "$1/$shape_name" | LC_ALL=C sed -n '$=')
		printf '%s\n%s\n' "$shape_name" "$shape_count"
		shape_older=
		[ "$shape_count" -le "$shape_in_full" ] || shape_older=1,$((shape_count - shape_in_full))b
		# Last, a line is taken together from within: a text is s, all else that is no
		# bracket v. What is left of a whole one is one v.
		shape_bytes "$1/$shape_name" | LC_ALL=C sed -nE -e '/^[ 	]*$/b' \
			-e "\\@^[{]($shape_signs)*[}]\$@!bdamaged" \
			-e '/^[{]"v":([2-9]|1[0-9])/bnested' \
			-e '/^[{]"v":1,.*"operation":[1-9][0-9]*,.*"started":[0-9]+,"ended":[0-9]+,"outcome":"[a-z_]+",.*"results":[{]/!bdamaged' \
			-e ':nested' -e "$shape_older" -e 's/\\.//g' -e 's/"[^"]*"/s/g' \
			-e 's/true|false|null|-?(0|[1-9][0-9]*)([.][0-9]+)?([eE][-+]?[0-9]+)?/v/g' \
			-e ':within' -e 's/[{](s:[sv](,s:[sv])*)?[}]|\[([sv](,[sv])*)?\]/v/g' -e 'twithin' \
			-e '/^v$/b' -e ':damaged' -e '=' | head -n 1000
	done
}

# shape_bytes FILE: with another control character for NUL, which busybox takes for the
# end of a line.
shape_bytes() {
	tr '\000' '\001' <"$1"
}

# shape_signs: sets shape_signs to a pattern for what JSON is made of: signs, words,
# numbers and texts, and for the texts UTF-8 as it has to be, byte by byte. Repetition is
# written out: musl counts wrong.
shape_signs() {
	shape_more=$(printf '[\200-\277]')
	shape_digit='[0-9A-Fa-f]'
	shape_signs="[] !#-[^-~$(printf '\177')]|$(printf '[\302-\337]')$shape_more"
	shape_signs="$shape_signs|$(printf '\340[\240-\277]')$shape_more|$(printf '\355[\200-\237]')$shape_more"
	shape_signs="$shape_signs|$(printf '[\341-\354\356\357]')$shape_more$shape_more"
	shape_signs="$shape_signs|$(printf '\360[\220-\277]')$shape_more$shape_more"
	shape_signs="$shape_signs|$(printf '[\361-\363]')$shape_more$shape_more$shape_more"
	shape_signs="$shape_signs|$(printf '\364[\200-\217]')$shape_more$shape_more"
	shape_signs="$shape_signs|\\\\[\"\\\\/bfnrt]|\\\\u$shape_digit$shape_digit$shape_digit$shape_digit"
	shape_signs="\"($shape_signs)*\"|[][{}:,]|true|false|null|[-+.0-9eE]+"
}
