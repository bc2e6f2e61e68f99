#!/bin/sh
# Installs the daemon in Termux as a service of termux-services, from a checkout:
#   sh deploy/termux/install.sh
# It can be run again, after `git pull` for example: options and models stay.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
if [ -z "${PREFIX:-}" ] || ! command -v pkg >/dev/null || [ ! -d "$PREFIX/bin" ]; then
  echo "install.sh: this is not Termux; on Debian and Raspberry Pi OS see docs/packages.md" >&2
  exit 1
fi
environment=$PREFIX/opt/edgeseg
service=$PREFIX/var/service/edgesegd

# Python's packages with libraries come from Termux, for indexes have none that were built for it.
pkg install -y python python-numpy python-pillow python-grpcio python-tflite-runtime termux-services
[ -x "$environment/bin/python" ] || python -m venv --system-site-packages "$environment"
installed=$(mktemp)
trap 'rm -f "$installed"' EXIT
"$environment/bin/pip" list --format=freeze | grep -v '^edgeseg==' >"$installed"
"$environment/bin/pip" install --constraint "$installed" "$here/../..[daemon-core]"

# install_script FROM TO: for the shell of Termux, and replaced at once, for it may be running.
install_script() {
  sed "1s|.*|#!$PREFIX/bin/sh|" "$1" >"$2.new"
  chmod 700 "$2.new"
  mv "$2.new" "$2"
}

mkdir -p "$service/log" "$PREFIX/etc/edgesegd" "$HOME/.termux/boot"
new=
if [ ! -e "$service/run" ]; then
  new=yes
  touch "$service/down"  # until sv-enable
fi
install_script "$here/service/finish" "$service/finish"
install_script "$here/service/run" "$service/run"
install_script "$here/boot/edgesegd" "$HOME/.termux/boot/edgesegd"
ln -sf "$PREFIX/share/termux-services/svlogger" "$service/log/run"
[ -e "$PREFIX/etc/edgesegd/options" ] || cp "$here/options" "$PREFIX/etc/edgesegd/options"
ln -sf "$environment/bin/edgesegd" "$environment/bin/edgeseg" "$PREFIX/bin/"

if [ -n "$new" ]; then
  echo "installed. Close all sessions of Termux and open it again, which starts its services; then:"
  echo "  sv-enable edgesegd      # starts the daemon, now and whenever Termux starts"
else
  sv restart edgesegd || echo "the service does not run; to start it: sv-enable edgesegd"
fi
echo "options: $PREFIX/etc/edgesegd/options; log: $PREFIX/var/log/sv/edgesegd/current"
echo "to start with Android, install the app Termux:Boot and open it once"
