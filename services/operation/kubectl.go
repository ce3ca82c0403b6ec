package operation

import (
	"slices"
	"strings"

	"kube-node-manager/services/change"
)

// A NodeChange is what happens to one node.
type NodeChange struct {
	Node          string
	Before, After change.State
}

// Kubectl returns the kubectl commands that change nodes in the same way, one for all
// nodes to which the same happens. What does not change is in none of them. p are the
// parameters of the operation. The commands name neither a cluster nor a person, and
// they know nothing of what has changed since: kubectl takes the last word.
func Kubectl(p Params, changes []NodeChange) []string {
	instead := p.kubectl()
	var commands []string
	nodes := map[string][]string{} // by command, without their names
	for _, c := range changes {
		for _, command := range kubectlOf(instead, change.Diff(c.Before, c.After)) {
			if nodes[command] == nil {
				commands = append(commands, command)
			}
			nodes[command] = append(nodes[command], c.Node)
		}
	}
	for i, command := range commands {
		commands[i] = strings.Replace(command, namesHere, strings.Join(nodes[command], " "), 1)
	}
	return commands
}

// namesHere stands in a command for the names of its nodes. No shell word has it.
const namesHere = "\x00"

// kubectlOf returns the commands for the lines of a change. instead is the command that
// does what a change of the scheduling would; "" is a plain cordon or uncordon.
func kubectlOf(instead string, lines []change.Line) []string {
	var commands []string
	for _, part := range []change.Part{change.Scheduling, change.Labels, change.Taints, change.Annotations} {
		var args []string
		for _, l := range lines {
			if l.Part == part && l.Kind() != change.Unchanged {
				args = append(args, kubectlArgument(l))
			}
		}
		switch {
		case part == change.Scheduling && instead != "":
			commands = append(commands, instead)
		case part == change.Scheduling:
			for _, verb := range args {
				commands = append(commands, "kubectl "+verb+" "+namesHere)
			}
		case len(args) > 0:
			words := []string{kubectlVerbs()[part], namesHere + overwrite(lines, part)}
			commands = append(commands, strings.Join(append(words, args...), " "))
		}
	}
	return commands
}

func kubectlVerbs() map[change.Part]string {
	return map[change.Part]string{
		change.Labels:      "kubectl label nodes",
		change.Taints:      "kubectl taint nodes",
		change.Annotations: "kubectl annotate nodes",
	}
}

// overwrite returns the flag without which kubectl refuses to change a value.
func overwrite(lines []change.Line, part change.Part) string {
	changed := func(l change.Line) bool { return l.Part == part && l.Kind() == change.Changed }
	if slices.ContainsFunc(lines, changed) {
		return " --overwrite"
	}
	return ""
}

// kubectlArgument returns one changed thing in kubectl's form.
func kubectlArgument(l change.Line) string {
	switch {
	case l.Part == change.Scheduling && *l.After == "true":
		return "cordon"
	case l.Part == change.Scheduling:
		return "uncordon"
	case l.Kind() == change.Removed:
		return shellWord(l.Key + "-")
	default:
		return shellWord(l.Text(*l.After))
	}
}

// shellWord quotes a text for a POSIX shell, if it needs quotes.
func shellWord(text string) string {
	const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./:=,@+"
	if text != "" && strings.Trim(text, plain) == "" {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}
