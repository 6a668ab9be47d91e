# Everything a newcomer needs: `make run` and `make test`. Developers: `cargo xtask --help`.
WHARF := target/release/wharf
PREFIX ?= /usr/local

.PHONY: help build run stop test bench install clean-run

help:
	@echo "make run      build, start Wharf, deploy the sample group and prove that it answers"
	@echo "make test     run every test"
	@echo "make stop     stop the daemon that 'make run' started; groups keep running"
	@echo "make clean-run  remove the sample group and stop the daemon"
	@echo "make bench    measure, beside crun and podman"
	@echo "make install  install the program and a systemd unit"

build:
	@scripts/bootstrap build
	@scripts/portal || echo "building without the portal" >&2
	cargo build --release --locked -p wharf

run: build
	@scripts/run $(WHARF)

stop:
	@scripts/stop

clean-run:
	-@$(WHARF) delete hello --yes
	@scripts/stop

test:
	@scripts/bootstrap test
	@scripts/portal || echo "testing without the portal" >&2
	@scripts/test

bench: build
	@scripts/bootstrap bench
	cargo xtask bench

install: build
	install -D -m 755 $(WHARF) $(DESTDIR)$(PREFIX)/bin/wharf
	install -D -m 644 scripts/wharf.service $(DESTDIR)/etc/systemd/system/wharf.service
