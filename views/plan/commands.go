package plan

// commandsShown is the length up to which the kubectl commands of a plan are on its page:
// those for thousands of nodes would be most of it.
const commandsShown = 16 << 10
