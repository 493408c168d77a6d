# What runs in the terminals of a soak: what it prints is decided by what is typed, byte by byte.
# Every line is a command; CR and NL both end one. Nothing is echoed and no character means anything to the kernel.
stty raw -echo icrnl
printf 'soak é€😀\n'
IFS=
while read -r line; do
  case $line in
  "say "*) printf '%s\n' "${line#say }" ;;
  "flood "*)
    line=${line#flood }
    first=${line%% *} last=${line#* }
    seq -f '%.0f é€😀 ...............................................' "$first" "$last" 2>/dev/null && continue
    while [ "$first" -le "$last" ]; do
      printf '%s é€😀 ...............................................\n' "$first"
      first=$((first + 1))
    done
    ;;
  "echo "*)
    printf '>' # before, what is typed may go to this shell: some read ahead
    head -c "${line#echo }"
    ;;
  "size") stty size ;;
  "deaf") exec sleep 3600 ;;
  "exit "*) exit "${line#exit }" ;;
  *) printf 'unknown: %s\n' "$line" ;;
  esac
done
