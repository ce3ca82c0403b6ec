package main

import (
	"errors"
	"os/exec"
	"strings"
)

// errNoBrowser is why no browser can show a page on this machine.
var errNoBrowser = errors.New("there is no browser on this machine")

// openBrowser shows a page in the browser of the user. It does not wait for the browser,
// which may stay open. Not a library: those that there are wait for it, or start a browser
// inside the terminal.
func openBrowser(system string, env func(string) string, address string) error {
	command := browserCommand(system, env)
	if len(command) == 0 {
		return errNoBrowser
	}
	cmd := exec.Command(command[0], append(command[1:], address)...)
	if err := cmd.Start(); err != nil {
		return err
	}
	go func() { _ = cmd.Wait() }() // what it says is for nobody
	return nil
}

// browserCommand returns the command that shows a page. $BROWSER names one, as for xdg-open;
// remote shells of editors set it to reach the browser of the other machine.
func browserCommand(system string, env func(string) string) []string {
	named, _, _ := strings.Cut(env("BROWSER"), ":")
	switch {
	case named != "" && system != "windows":
		return strings.Fields(strings.ReplaceAll(named, "%s", ""))
	case system == "darwin":
		return []string{"open"}
	case system == "windows":
		return []string{"rundll32", "url.dll,FileProtocolHandler"}
	case env("DISPLAY") != "" || env("WAYLAND_DISPLAY") != "":
		return []string{"xdg-open"}
	default:
		return nil
	}
}
