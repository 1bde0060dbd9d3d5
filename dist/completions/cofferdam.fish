# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_cofferdam_global_optspecs
    string join \n socket= json h/help V/version
end

function __fish_cofferdam_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_cofferdam_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_cofferdam_using_subcommand
    set -l cmd (__fish_cofferdam_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c cofferdam -n "__fish_cofferdam_needs_command" -l socket -d 'The daemon\'s socket' -r -F
complete -c cofferdam -n "__fish_cofferdam_needs_command" -l json -d 'Print JSON instead of text'
complete -c cofferdam -n "__fish_cofferdam_needs_command" -s h -l help -d 'Print help'
complete -c cofferdam -n "__fish_cofferdam_needs_command" -s V -l version -d 'Print version'
complete -c cofferdam -n "__fish_cofferdam_needs_command" -f -a "daemon" -d 'Enforce: run the daemon in the foreground, or stop it'
complete -c cofferdam -n "__fish_cofferdam_needs_command" -f -a "run" -d 'Run a command under labels'
complete -c cofferdam -n "__fish_cofferdam_needs_command" -f -a "ps" -d 'List workloads: labels, identity, protection, listening ports'
complete -c cofferdam -n "__fish_cofferdam_needs_command" -f -a "flows" -d 'Show verdicts: who, to whom, by which rule, and how to allow it'
complete -c cofferdam -n "__fish_cofferdam_needs_command" -f -a "top" -d 'Watch workloads, flows and denials as they happen'
complete -c cofferdam -n "__fish_cofferdam_needs_command" -f -a "status" -d 'Show how the daemon and the data plane are'
complete -c cofferdam -n "__fish_cofferdam_needs_command" -f -a "doctor" -d 'Check what this host needs, with or without a daemon'
complete -c cofferdam -n "__fish_cofferdam_needs_command" -f -a "enforce" -d 'Carry out the denials of workloads'
complete -c cofferdam -n "__fish_cofferdam_needs_command" -f -a "confirm" -d 'Keep what `enforce --for` began'
complete -c cofferdam -n "__fish_cofferdam_needs_command" -f -a "observe" -d 'Only record the denials of workloads'
complete -c cofferdam -n "__fish_cofferdam_needs_command" -f -a "protect" -d 'Protect a workload, and give it labels'
complete -c cofferdam -n "__fish_cofferdam_needs_command" -f -a "unprotect" -d 'Take back what `protect` gave'
complete -c cofferdam -n "__fish_cofferdam_needs_command" -f -a "off" -d 'Switch enforcement off for the whole host, also when the daemon is dead'
complete -c cofferdam -n "__fish_cofferdam_needs_command" -f -a "on" -d 'Switch enforcement on again'
complete -c cofferdam -n "__fish_cofferdam_needs_command" -f -a "explain" -d 'Say what would happen to a connection, and by which rule'
complete -c cofferdam -n "__fish_cofferdam_needs_command" -f -a "learn" -d 'Write policies from the flows that were seen'
complete -c cofferdam -n "__fish_cofferdam_needs_command" -f -a "audit" -d 'Say what is exposed, to whom, and what to change'
complete -c cofferdam -n "__fish_cofferdam_needs_command" -f -a "policy" -d 'Check, compare, test and explain policies, and show the built-in ones'
complete -c cofferdam -n "__fish_cofferdam_needs_command" -f -a "key" -d 'Show or rotate the key that signs handshakes'
complete -c cofferdam -n "__fish_cofferdam_needs_command" -f -a "config" -d 'Check the configuration'
complete -c cofferdam -n "__fish_cofferdam_needs_command" -f -a "version" -d 'Print the versions of this command and of the daemon'
complete -c cofferdam -n "__fish_cofferdam_needs_command" -f -a "completions" -d 'Print the completions of a shell'
complete -c cofferdam -n "__fish_cofferdam_needs_command" -f -a "man" -d 'Write the man pages'
complete -c cofferdam -n "__fish_cofferdam_needs_command" -f -a "openapi" -d 'Print the OpenAPI document of the socket'
complete -c cofferdam -n "__fish_cofferdam_needs_command" -f -a "generate" -d 'Write man pages, completions, `docs/cli.md` and `docs/openapi.json` below a folder'
complete -c cofferdam -n "__fish_cofferdam_using_subcommand daemon; and not __fish_seen_subcommand_from stop" -l default -d 'Posture of protected workloads that no policy selects' -r -f -a "same-labels\t'Same labels talk; the world is reachable'
strict\t'Same labels talk; the world is denied too'
allow\t'Only explicit policies deny'
networks\t'Workloads of one compose project talk; the world is reachable'
lan-service\t'Same labels talk; the host and the LAN reach it'
agent\t'The world\'s web servers are reachable, and nothing else'"
complete -c cofferdam -n "__fish_cofferdam_using_subcommand daemon; and not __fish_seen_subcommand_from stop" -l mode -d 'Carry denials out, or only record them' -r -f -a "enforce\t'Carry denials out'
observe\t'Only record them'"
complete -c cofferdam -n "__fish_cofferdam_using_subcommand daemon; and not __fish_seen_subcommand_from stop" -l config -d 'The configuration' -r -F
complete -c cofferdam -n "__fish_cofferdam_using_subcommand daemon; and not __fish_seen_subcommand_from stop" -l cgroup-root -d 'The cgroup v2 folder whose subtree is enforced; the whole hierarchy by default' -r -F
complete -c cofferdam -n "__fish_cofferdam_using_subcommand daemon; and not __fish_seen_subcommand_from stop" -l bpffs -d 'The folder of pinned links and maps, on a bpffs' -r -F
complete -c cofferdam -n "__fish_cofferdam_using_subcommand daemon; and not __fish_seen_subcommand_from stop" -l state-dir -d 'The folder of what outlives a restart' -r -F
complete -c cofferdam -n "__fish_cofferdam_using_subcommand daemon; and not __fish_seen_subcommand_from stop" -l policies -d 'The folder of policy documents' -r -F
complete -c cofferdam -n "__fish_cofferdam_using_subcommand daemon; and not __fish_seen_subcommand_from stop" -l docker-socket -d 'Docker\'s socket' -r -F
complete -c cofferdam -n "__fish_cofferdam_using_subcommand daemon; and not __fish_seen_subcommand_from stop" -l docker-cgroup-parent -d 'A cgroup v2 folder below which Docker makes containers\' cgroups; may be repeated' -r -F
complete -c cofferdam -n "__fish_cofferdam_using_subcommand daemon; and not __fish_seen_subcommand_from stop" -l socket -d 'The daemon\'s socket' -r -F
complete -c cofferdam -n "__fish_cofferdam_using_subcommand daemon; and not __fish_seen_subcommand_from stop" -l hybrid -d 'Protect containers, processes and units (the default)'
complete -c cofferdam -n "__fish_cofferdam_using_subcommand daemon; and not __fish_seen_subcommand_from stop" -l containers -d 'Protect containers only'
complete -c cofferdam -n "__fish_cofferdam_using_subcommand daemon; and not __fish_seen_subcommand_from stop" -l processes -d 'Protect processes and units only'
complete -c cofferdam -n "__fish_cofferdam_using_subcommand daemon; and not __fish_seen_subcommand_from stop" -l early -d 'Put the saved policy into the kernel and end; for the boot, before containers start'
complete -c cofferdam -n "__fish_cofferdam_using_subcommand daemon; and not __fish_seen_subcommand_from stop" -l json -d 'Print JSON instead of text'
complete -c cofferdam -n "__fish_cofferdam_using_subcommand daemon; and not __fish_seen_subcommand_from stop" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c cofferdam -n "__fish_cofferdam_using_subcommand daemon; and not __fish_seen_subcommand_from stop" -f -a "stop" -d 'Stop the daemon; enforcement stays in the kernel'
complete -c cofferdam -n "__fish_cofferdam_using_subcommand daemon; and __fish_seen_subcommand_from stop" -l bpffs -d 'The folder of pins, where no daemon answers' -r -F
complete -c cofferdam -n "__fish_cofferdam_using_subcommand daemon; and __fish_seen_subcommand_from stop" -l state-dir -d 'The folder of what outlives a restart, where no daemon answers' -r -F
complete -c cofferdam -n "__fish_cofferdam_using_subcommand daemon; and __fish_seen_subcommand_from stop" -l socket -d 'The daemon\'s socket' -r -F
complete -c cofferdam -n "__fish_cofferdam_using_subcommand daemon; and __fish_seen_subcommand_from stop" -l open -d 'End enforcement too: every workload is open, nothing is left behind. Works without a daemon'
complete -c cofferdam -n "__fish_cofferdam_using_subcommand daemon; and __fish_seen_subcommand_from stop" -l json -d 'Print JSON instead of text'
complete -c cofferdam -n "__fish_cofferdam_using_subcommand daemon; and __fish_seen_subcommand_from stop" -s h -l help -d 'Print help'
complete -c cofferdam -n "__fish_cofferdam_using_subcommand run" -l name -d 'Name of the workload; made from the command\'s otherwise' -r
complete -c cofferdam -n "__fish_cofferdam_using_subcommand run" -l namespace -d 'Policy namespace: only workloads of one namespace are peers' -r
complete -c cofferdam -n "__fish_cofferdam_using_subcommand run" -s l -l label -d 'A label of the workload; may be repeated' -r
complete -c cofferdam -n "__fish_cofferdam_using_subcommand run" -s p -l port -d 'A port that policies may mean by this name: `http=80`, `dns=53/udp`; may be repeated' -r
complete -c cofferdam -n "__fish_cofferdam_using_subcommand run" -l contain -d 'What is refused that is not declared: what would harm others, or everything' -r -f -a "default\t''
strict\t''"
complete -c cofferdam -n "__fish_cofferdam_using_subcommand run" -l loopback -d 'Its 127.0.0.1 and ::1: `private`, `host`, or the name of one that it shares' -r
complete -c cofferdam -n "__fish_cofferdam_using_subcommand run" -l bind -d 'Ports that it may bind: `80`, `80/tcp=8080`, `80=192.168.1.5:80`; may be repeated' -r
complete -c cofferdam -n "__fish_cofferdam_using_subcommand run" -l interfaces -d 'Interfaces that it may use, by name or address; may be repeated' -r
complete -c cofferdam -n "__fish_cofferdam_using_subcommand run" -l allow -d 'What it may do besides: `packet`, `raw`, `vsock`, `sysctl`, `netlink:FAMILY`, `abstract:@NAME`, `shared:PORT`' -r
complete -c cofferdam -n "__fish_cofferdam_using_subcommand run" -l socket -d 'The daemon\'s socket' -r -F
complete -c cofferdam -n "__fish_cofferdam_using_subcommand run" -l json -d 'Print JSON instead of text'
complete -c cofferdam -n "__fish_cofferdam_using_subcommand run" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c cofferdam -n "__fish_cofferdam_using_subcommand ps" -s o -l output -d '`wide`: every column, nothing cut' -r -f -a "wide\t'Every column, nothing cut'"
complete -c cofferdam -n "__fish_cofferdam_using_subcommand ps" -l socket -d 'The daemon\'s socket' -r -F
complete -c cofferdam -n "__fish_cofferdam_using_subcommand ps" -l json -d 'Print JSON instead of text'
complete -c cofferdam -n "__fish_cofferdam_using_subcommand ps" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c cofferdam -n "__fish_cofferdam_using_subcommand flows" -l from -d 'Who started' -r
complete -c cofferdam -n "__fish_cofferdam_using_subcommand flows" -l to -d 'Who was to be reached' -r
complete -c cofferdam -n "__fish_cofferdam_using_subcommand flows" -l since -d 'Not older: `10m`, `10:00`, `2026-03-01T10:00:00Z`' -r
complete -c cofferdam -n "__fish_cofferdam_using_subcommand flows" -l port -d 'Port that was to be reached' -r
complete -c cofferdam -n "__fish_cofferdam_using_subcommand flows" -l protocol -d '`tcp`, `udp`, …' -r
complete -c cofferdam -n "__fish_cofferdam_using_subcommand flows" -l top -d 'Sum up: one line for each pair of ends and port, the most first' -r -f -a "denials\t'By how many were denied; who was never denied is left out'
flows\t'By how many there were'
bytes\t'By what their TCP connections carried, once they have ended'"
complete -c cofferdam -n "__fish_cofferdam_using_subcommand flows" -s o -l output -d '`wide`: every column, nothing cut' -r -f -a "wide\t'Every column, nothing cut'"
complete -c cofferdam -n "__fish_cofferdam_using_subcommand flows" -l limit -d 'The newest so many of the past; 0 is all. 100 by default, 10 with `-f`, the first 20 lines with `--top`' -r
complete -c cofferdam -n "__fish_cofferdam_using_subcommand flows" -l socket -d 'The daemon\'s socket' -r -F
complete -c cofferdam -n "__fish_cofferdam_using_subcommand flows" -s f -l follow -d 'Go on with what happens; with `--json` one object a line'
complete -c cofferdam -n "__fish_cofferdam_using_subcommand flows" -l denied -d 'Only denials'
complete -c cofferdam -n "__fish_cofferdam_using_subcommand flows" -l allowed -d 'Only what was allowed'
complete -c cofferdam -n "__fish_cofferdam_using_subcommand flows" -l json -d 'Print JSON instead of text'
complete -c cofferdam -n "__fish_cofferdam_using_subcommand flows" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c cofferdam -n "__fish_cofferdam_using_subcommand top" -l socket -d 'The daemon\'s socket' -r -F
complete -c cofferdam -n "__fish_cofferdam_using_subcommand top" -l json -d 'Print JSON instead of text'
complete -c cofferdam -n "__fish_cofferdam_using_subcommand top" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c cofferdam -n "__fish_cofferdam_using_subcommand status" -l socket -d 'The daemon\'s socket' -r -F
complete -c cofferdam -n "__fish_cofferdam_using_subcommand status" -l json -d 'Print JSON instead of text'
complete -c cofferdam -n "__fish_cofferdam_using_subcommand status" -s h -l help -d 'Print help'
complete -c cofferdam -n "__fish_cofferdam_using_subcommand doctor" -l config -d 'The configuration, which may name Docker\'s socket' -r -F
complete -c cofferdam -n "__fish_cofferdam_using_subcommand doctor" -l docker-socket -d 'Docker\'s socket; the running daemon\'s by default, else the configuration\'s' -r -F
complete -c cofferdam -n "__fish_cofferdam_using_subcommand doctor" -l socket -d 'The daemon\'s socket' -r -F
complete -c cofferdam -n "__fish_cofferdam_using_subcommand doctor" -l json -d 'Print JSON instead of text'
complete -c cofferdam -n "__fish_cofferdam_using_subcommand doctor" -s h -l help -d 'Print help'
complete -c cofferdam -n "__fish_cofferdam_using_subcommand enforce" -l for -d 'Fall back after this time unless `cofferdam confirm` comes first: `5m`, `90s`' -r
complete -c cofferdam -n "__fish_cofferdam_using_subcommand enforce" -l socket -d 'The daemon\'s socket' -r -F
complete -c cofferdam -n "__fish_cofferdam_using_subcommand enforce" -l all -d 'Every protected workload'
complete -c cofferdam -n "__fish_cofferdam_using_subcommand enforce" -l json -d 'Print JSON instead of text'
complete -c cofferdam -n "__fish_cofferdam_using_subcommand enforce" -s h -l help -d 'Print help'
complete -c cofferdam -n "__fish_cofferdam_using_subcommand confirm" -l socket -d 'The daemon\'s socket' -r -F
complete -c cofferdam -n "__fish_cofferdam_using_subcommand confirm" -l json -d 'Print JSON instead of text'
complete -c cofferdam -n "__fish_cofferdam_using_subcommand confirm" -s h -l help -d 'Print help'
complete -c cofferdam -n "__fish_cofferdam_using_subcommand observe" -l socket -d 'The daemon\'s socket' -r -F
complete -c cofferdam -n "__fish_cofferdam_using_subcommand observe" -l all -d 'Every protected workload'
complete -c cofferdam -n "__fish_cofferdam_using_subcommand observe" -l json -d 'Print JSON instead of text'
complete -c cofferdam -n "__fish_cofferdam_using_subcommand observe" -s h -l help -d 'Print help'
complete -c cofferdam -n "__fish_cofferdam_using_subcommand protect" -s l -l label -d 'A label that says who it is, or a `cofferdam.*` one, as on a container; may be repeated' -r
complete -c cofferdam -n "__fish_cofferdam_using_subcommand protect" -l socket -d 'The daemon\'s socket' -r -F
complete -c cofferdam -n "__fish_cofferdam_using_subcommand protect" -l json -d 'Print JSON instead of text'
complete -c cofferdam -n "__fish_cofferdam_using_subcommand protect" -s h -l help -d 'Print help'
complete -c cofferdam -n "__fish_cofferdam_using_subcommand unprotect" -l socket -d 'The daemon\'s socket' -r -F
complete -c cofferdam -n "__fish_cofferdam_using_subcommand unprotect" -l json -d 'Print JSON instead of text'
complete -c cofferdam -n "__fish_cofferdam_using_subcommand unprotect" -s h -l help -d 'Print help'
complete -c cofferdam -n "__fish_cofferdam_using_subcommand off" -l bpffs -d 'The daemon\'s folder of pins, for when no daemon answers' -r -F
complete -c cofferdam -n "__fish_cofferdam_using_subcommand off" -l socket -d 'The daemon\'s socket' -r -F
complete -c cofferdam -n "__fish_cofferdam_using_subcommand off" -l json -d 'Print JSON instead of text'
complete -c cofferdam -n "__fish_cofferdam_using_subcommand off" -s h -l help -d 'Print help'
complete -c cofferdam -n "__fish_cofferdam_using_subcommand on" -l bpffs -d 'The daemon\'s folder of pins, for when no daemon answers' -r -F
complete -c cofferdam -n "__fish_cofferdam_using_subcommand on" -l socket -d 'The daemon\'s socket' -r -F
complete -c cofferdam -n "__fish_cofferdam_using_subcommand on" -l json -d 'Print JSON instead of text'
complete -c cofferdam -n "__fish_cofferdam_using_subcommand on" -s h -l help -d 'Print help'
complete -c cofferdam -n "__fish_cofferdam_using_subcommand explain" -l socket -d 'The daemon\'s socket' -r -F
complete -c cofferdam -n "__fish_cofferdam_using_subcommand explain" -l json -d 'Print JSON instead of text'
complete -c cofferdam -n "__fish_cofferdam_using_subcommand explain" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c cofferdam -n "__fish_cofferdam_using_subcommand learn" -l engine -d 'With `--labels` or `--compose`: the engine\'s socket, Docker\'s or Podman\'s' -r -F
complete -c cofferdam -n "__fish_cofferdam_using_subcommand learn" -l since -d 'Flows that are not older: `1h`, `10:00`, `2026-03-01T10:00:00Z`' -r
complete -c cofferdam -n "__fish_cofferdam_using_subcommand learn" -l for -d 'Only the policies of these workloads: labels (`app=web`, several with commas) or a name' -r
complete -c cofferdam -n "__fish_cofferdam_using_subcommand learn" -s o -l output -d 'Write a file for each policy into this folder' -r -F
complete -c cofferdam -n "__fish_cofferdam_using_subcommand learn" -l flows -d 'What `cofferdam flows --limit 0 --json` printed, instead of the daemon\'s flows; needs no daemon' -r -F
complete -c cofferdam -n "__fish_cofferdam_using_subcommand learn" -l workloads -d 'With `--flows`: what `cofferdam ps --json` printed then' -r -F
complete -c cofferdam -n "__fish_cofferdam_using_subcommand learn" -l addresses -d 'Of more addresses of the LAN, the world, … on one port not each is named, but all of the LAN, the world, …' -r
complete -c cofferdam -n "__fish_cofferdam_using_subcommand learn" -l ports -d 'Of more ports of one peer and protocol not each is named, but the nearest ones are joined to ranges' -r
complete -c cofferdam -n "__fish_cofferdam_using_subcommand learn" -l socket -d 'The daemon\'s socket' -r -F
complete -c cofferdam -n "__fish_cofferdam_using_subcommand learn" -l labels -d 'Propose identity labels instead, as a compose override'
complete -c cofferdam -n "__fish_cofferdam_using_subcommand learn" -l compose -d 'Write labels instead of documents: an override for each compose project, with `cofferdam.ingress`, `cofferdam.egress` and `cofferdam.profile` of its services'
complete -c cofferdam -n "__fish_cofferdam_using_subcommand learn" -l diff -d 'Print what would change on this host instead of the policies'
complete -c cofferdam -n "__fish_cofferdam_using_subcommand learn" -l json -d 'Print JSON instead of text'
complete -c cofferdam -n "__fish_cofferdam_using_subcommand learn" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c cofferdam -n "__fish_cofferdam_using_subcommand audit; and not __fish_seen_subcommand_from explain" -s f -l format -d 'How to print' -r -f -a "table\t'For people'
json\t'For programs'
sarif\t'SARIF 2.1.0, for code scanning'
junit\t'JUnit\'s XML, for CI'
html\t'A page that can be mailed'"
complete -c cofferdam -n "__fish_cofferdam_using_subcommand audit; and not __fish_seen_subcommand_from explain" -l fail-on -d 'The severity from which on the exit status is 1: info, low, medium, high, critical, never' -r
complete -c cofferdam -n "__fish_cofferdam_using_subcommand audit; and not __fish_seen_subcommand_from explain" -l config -d 'What to ignore and why; `.cofferdam-audit.toml` where it is there' -r -F
complete -c cofferdam -n "__fish_cofferdam_using_subcommand audit; and not __fish_seen_subcommand_from explain" -l baseline -d 'Findings that were there before and do not count' -r -F
complete -c cofferdam -n "__fish_cofferdam_using_subcommand audit; and not __fish_seen_subcommand_from explain" -l write-baseline -d 'Write what is found now as a baseline' -r -F
complete -c cofferdam -n "__fish_cofferdam_using_subcommand audit; and not __fish_seen_subcommand_from explain" -l observe -d 'Watch containers for so long first, to find what they do not use: `30s`, `5m`' -r
complete -c cofferdam -n "__fish_cofferdam_using_subcommand audit; and not __fish_seen_subcommand_from explain" -l engine -d 'The engine\'s socket, Docker\'s or Podman\'s' -r -F
complete -c cofferdam -n "__fish_cofferdam_using_subcommand audit; and not __fish_seen_subcommand_from explain" -l daemon-json -d 'The engine\'s configuration' -r -F
complete -c cofferdam -n "__fish_cofferdam_using_subcommand audit; and not __fish_seen_subcommand_from explain" -l facts -d 'Facts of a host that `--save-facts` wrote, instead of this one\'s' -r -F
complete -c cofferdam -n "__fish_cofferdam_using_subcommand audit; and not __fish_seen_subcommand_from explain" -l save-facts -d 'Write the facts of this host' -r -F
complete -c cofferdam -n "__fish_cofferdam_using_subcommand audit; and not __fish_seen_subcommand_from explain" -l socket -d 'The daemon\'s socket' -r -F
complete -c cofferdam -n "__fish_cofferdam_using_subcommand audit; and not __fish_seen_subcommand_from explain" -s a -l all -d 'Print what is low or info too'
complete -c cofferdam -n "__fish_cofferdam_using_subcommand audit; and not __fish_seen_subcommand_from explain" -l matrix -d 'Who reaches which service over which path, instead of findings'
complete -c cofferdam -n "__fish_cofferdam_using_subcommand audit; and not __fish_seen_subcommand_from explain" -l probe -d 'With `--matrix`: try each path that begins on this host'
complete -c cofferdam -n "__fish_cofferdam_using_subcommand audit; and not __fish_seen_subcommand_from explain" -l watch -d 'Audit this host anew whenever a container starts, until interrupted'
complete -c cofferdam -n "__fish_cofferdam_using_subcommand audit; and not __fish_seen_subcommand_from explain" -l json -d 'Print JSON instead of text'
complete -c cofferdam -n "__fish_cofferdam_using_subcommand audit; and not __fish_seen_subcommand_from explain" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c cofferdam -n "__fish_cofferdam_using_subcommand audit; and not __fish_seen_subcommand_from explain" -a "explain" -d 'Say what a rule looks for, why, and what to change; without RULE list all'
complete -c cofferdam -n "__fish_cofferdam_using_subcommand audit; and __fish_seen_subcommand_from explain" -l socket -d 'The daemon\'s socket' -r -F
complete -c cofferdam -n "__fish_cofferdam_using_subcommand audit; and __fish_seen_subcommand_from explain" -l json -d 'Print JSON instead of text'
complete -c cofferdam -n "__fish_cofferdam_using_subcommand audit; and __fish_seen_subcommand_from explain" -s h -l help -d 'Print help'
complete -c cofferdam -n "__fish_cofferdam_using_subcommand policy; and not __fish_seen_subcommand_from show apply remove check diff explain test eval" -l socket -d 'The daemon\'s socket' -r -F
complete -c cofferdam -n "__fish_cofferdam_using_subcommand policy; and not __fish_seen_subcommand_from show apply remove check diff explain test eval" -l json -d 'Print JSON instead of text'
complete -c cofferdam -n "__fish_cofferdam_using_subcommand policy; and not __fish_seen_subcommand_from show apply remove check diff explain test eval" -s h -l help -d 'Print help'
complete -c cofferdam -n "__fish_cofferdam_using_subcommand policy; and not __fish_seen_subcommand_from show apply remove check diff explain test eval" -f -a "show" -d 'Print a policy: a built-in one, or one of the folder as it is in force'
complete -c cofferdam -n "__fish_cofferdam_using_subcommand policy; and not __fish_seen_subcommand_from show apply remove check diff explain test eval" -f -a "apply" -d 'Put policy files into the daemon\'s folder, and say what became of them'
complete -c cofferdam -n "__fish_cofferdam_using_subcommand policy; and not __fish_seen_subcommand_from show apply remove check diff explain test eval" -f -a "remove" -d 'Take policy files out of the daemon\'s folder'
complete -c cofferdam -n "__fish_cofferdam_using_subcommand policy; and not __fish_seen_subcommand_from show apply remove check diff explain test eval" -f -a "check" -d 'Say whether policy files are valid, and what in them deserves a second look'
complete -c cofferdam -n "__fish_cofferdam_using_subcommand policy; and not __fish_seen_subcommand_from show apply remove check diff explain test eval" -f -a "diff" -d 'Say what would change between two folders of policies, for each pair of workloads and port'
complete -c cofferdam -n "__fish_cofferdam_using_subcommand policy; and not __fish_seen_subcommand_from show apply remove check diff explain test eval" -f -a "explain" -d 'Say what policies would do to a connection, by which rule, and which rules nearly matched'
complete -c cofferdam -n "__fish_cofferdam_using_subcommand policy; and not __fish_seen_subcommand_from show apply remove check diff explain test eval" -f -a "test" -d 'Run test files: workloads, policies, attempts and what must come of them'
complete -c cofferdam -n "__fish_cofferdam_using_subcommand policy; and not __fish_seen_subcommand_from show apply remove check diff explain test eval" -f -a "eval" -d 'Compare verdicts with those that a suite expects, cell by cell'
complete -c cofferdam -n "__fish_cofferdam_using_subcommand policy; and __fish_seen_subcommand_from show" -l socket -d 'The daemon\'s socket' -r -F
complete -c cofferdam -n "__fish_cofferdam_using_subcommand policy; and __fish_seen_subcommand_from show" -l json -d 'Print JSON instead of text'
complete -c cofferdam -n "__fish_cofferdam_using_subcommand policy; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help'
complete -c cofferdam -n "__fish_cofferdam_using_subcommand policy; and __fish_seen_subcommand_from apply" -l socket -d 'The daemon\'s socket' -r -F
complete -c cofferdam -n "__fish_cofferdam_using_subcommand policy; and __fish_seen_subcommand_from apply" -l json -d 'Print JSON instead of text'
complete -c cofferdam -n "__fish_cofferdam_using_subcommand policy; and __fish_seen_subcommand_from apply" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c cofferdam -n "__fish_cofferdam_using_subcommand policy; and __fish_seen_subcommand_from remove" -l socket -d 'The daemon\'s socket' -r -F
complete -c cofferdam -n "__fish_cofferdam_using_subcommand policy; and __fish_seen_subcommand_from remove" -l json -d 'Print JSON instead of text'
complete -c cofferdam -n "__fish_cofferdam_using_subcommand policy; and __fish_seen_subcommand_from remove" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c cofferdam -n "__fish_cofferdam_using_subcommand policy; and __fish_seen_subcommand_from check" -l workloads -d 'Workloads: a compose file, a workloads file, or what `cofferdam ps --json` printed; may be repeated' -r -F
complete -c cofferdam -n "__fish_cofferdam_using_subcommand policy; and __fish_seen_subcommand_from check" -l default -d 'The posture of workloads that no policy selects' -r -f -a "same-labels\t'Same labels talk; the world is reachable'
strict\t'Same labels talk; the world is denied too'
allow\t'Only explicit policies deny'
networks\t'Workloads of one compose project talk; the world is reachable'
lan-service\t'Same labels talk; the host and the LAN reach it'
agent\t'The world\'s web servers are reachable, and nothing else'"
complete -c cofferdam -n "__fish_cofferdam_using_subcommand policy; and __fish_seen_subcommand_from check" -l socket -d 'The daemon\'s socket' -r -F
complete -c cofferdam -n "__fish_cofferdam_using_subcommand policy; and __fish_seen_subcommand_from check" -l json -d 'Print JSON instead of text'
complete -c cofferdam -n "__fish_cofferdam_using_subcommand policy; and __fish_seen_subcommand_from check" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c cofferdam -n "__fish_cofferdam_using_subcommand policy; and __fish_seen_subcommand_from diff" -l workloads -d 'Workloads: a compose file, a workloads file, or what `cofferdam ps --json` printed; may be repeated' -r -F
complete -c cofferdam -n "__fish_cofferdam_using_subcommand policy; and __fish_seen_subcommand_from diff" -l default -d 'The posture of workloads that no policy selects' -r -f -a "same-labels\t'Same labels talk; the world is reachable'
strict\t'Same labels talk; the world is denied too'
allow\t'Only explicit policies deny'
networks\t'Workloads of one compose project talk; the world is reachable'
lan-service\t'Same labels talk; the host and the LAN reach it'
agent\t'The world\'s web servers are reachable, and nothing else'"
complete -c cofferdam -n "__fish_cofferdam_using_subcommand policy; and __fish_seen_subcommand_from diff" -l socket -d 'The daemon\'s socket' -r -F
complete -c cofferdam -n "__fish_cofferdam_using_subcommand policy; and __fish_seen_subcommand_from diff" -l json -d 'Print JSON instead of text'
complete -c cofferdam -n "__fish_cofferdam_using_subcommand policy; and __fish_seen_subcommand_from diff" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c cofferdam -n "__fish_cofferdam_using_subcommand policy; and __fish_seen_subcommand_from explain" -l policies -d 'Policies: a file or a folder; may be repeated' -r -F
complete -c cofferdam -n "__fish_cofferdam_using_subcommand policy; and __fish_seen_subcommand_from explain" -l workloads -d 'Workloads: a compose file, a workloads file, or what `cofferdam ps --json` printed; may be repeated' -r -F
complete -c cofferdam -n "__fish_cofferdam_using_subcommand policy; and __fish_seen_subcommand_from explain" -l default -d 'The posture of workloads that no policy selects' -r -f -a "same-labels\t'Same labels talk; the world is reachable'
strict\t'Same labels talk; the world is denied too'
allow\t'Only explicit policies deny'
networks\t'Workloads of one compose project talk; the world is reachable'
lan-service\t'Same labels talk; the host and the LAN reach it'
agent\t'The world\'s web servers are reachable, and nothing else'"
complete -c cofferdam -n "__fish_cofferdam_using_subcommand policy; and __fish_seen_subcommand_from explain" -l socket -d 'The daemon\'s socket' -r -F
complete -c cofferdam -n "__fish_cofferdam_using_subcommand policy; and __fish_seen_subcommand_from explain" -l json -d 'Print JSON instead of text'
complete -c cofferdam -n "__fish_cofferdam_using_subcommand policy; and __fish_seen_subcommand_from explain" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c cofferdam -n "__fish_cofferdam_using_subcommand policy; and __fish_seen_subcommand_from test" -l format -d 'How to print the result' -r -f -a "text\t'A line for each test that fails, and the sum'
junit\t'`JUnit`, for CI'"
complete -c cofferdam -n "__fish_cofferdam_using_subcommand policy; and __fish_seen_subcommand_from test" -l socket -d 'The daemon\'s socket' -r -F
complete -c cofferdam -n "__fish_cofferdam_using_subcommand policy; and __fish_seen_subcommand_from test" -l json -d 'Print JSON instead of text'
complete -c cofferdam -n "__fish_cofferdam_using_subcommand policy; and __fish_seen_subcommand_from test" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c cofferdam -n "__fish_cofferdam_using_subcommand policy; and __fish_seen_subcommand_from eval" -l cases -d 'The cases, plain or compressed by gzip' -r -F
complete -c cofferdam -n "__fish_cofferdam_using_subcommand policy; and __fish_seen_subcommand_from eval" -l socket -d 'The daemon\'s socket' -r -F
complete -c cofferdam -n "__fish_cofferdam_using_subcommand policy; and __fish_seen_subcommand_from eval" -l json -d 'Print JSON instead of text'
complete -c cofferdam -n "__fish_cofferdam_using_subcommand policy; and __fish_seen_subcommand_from eval" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c cofferdam -n "__fish_cofferdam_using_subcommand key; and not __fish_seen_subcommand_from show rotate" -l socket -d 'The daemon\'s socket' -r -F
complete -c cofferdam -n "__fish_cofferdam_using_subcommand key; and not __fish_seen_subcommand_from show rotate" -l json -d 'Print JSON instead of text'
complete -c cofferdam -n "__fish_cofferdam_using_subcommand key; and not __fish_seen_subcommand_from show rotate" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c cofferdam -n "__fish_cofferdam_using_subcommand key; and not __fish_seen_subcommand_from show rotate" -f -a "show" -d 'Print which key signs, how old it is, and when the next one comes; never the key itself'
complete -c cofferdam -n "__fish_cofferdam_using_subcommand key; and not __fish_seen_subcommand_from show rotate" -f -a "rotate" -d 'Sign with another key from now on; at most once a second'
complete -c cofferdam -n "__fish_cofferdam_using_subcommand key; and __fish_seen_subcommand_from show" -l socket -d 'The daemon\'s socket' -r -F
complete -c cofferdam -n "__fish_cofferdam_using_subcommand key; and __fish_seen_subcommand_from show" -l json -d 'Print JSON instead of text'
complete -c cofferdam -n "__fish_cofferdam_using_subcommand key; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help'
complete -c cofferdam -n "__fish_cofferdam_using_subcommand key; and __fish_seen_subcommand_from rotate" -l socket -d 'The daemon\'s socket' -r -F
complete -c cofferdam -n "__fish_cofferdam_using_subcommand key; and __fish_seen_subcommand_from rotate" -l json -d 'Print JSON instead of text'
complete -c cofferdam -n "__fish_cofferdam_using_subcommand key; and __fish_seen_subcommand_from rotate" -s h -l help -d 'Print help'
complete -c cofferdam -n "__fish_cofferdam_using_subcommand config; and not __fish_seen_subcommand_from check" -l socket -d 'The daemon\'s socket' -r -F
complete -c cofferdam -n "__fish_cofferdam_using_subcommand config; and not __fish_seen_subcommand_from check" -l json -d 'Print JSON instead of text'
complete -c cofferdam -n "__fish_cofferdam_using_subcommand config; and not __fish_seen_subcommand_from check" -s h -l help -d 'Print help'
complete -c cofferdam -n "__fish_cofferdam_using_subcommand config; and not __fish_seen_subcommand_from check" -f -a "check" -d 'Say whether a configuration file is valid'
complete -c cofferdam -n "__fish_cofferdam_using_subcommand config; and __fish_seen_subcommand_from check" -l socket -d 'The daemon\'s socket' -r -F
complete -c cofferdam -n "__fish_cofferdam_using_subcommand config; and __fish_seen_subcommand_from check" -l json -d 'Print JSON instead of text'
complete -c cofferdam -n "__fish_cofferdam_using_subcommand config; and __fish_seen_subcommand_from check" -s h -l help -d 'Print help'
complete -c cofferdam -n "__fish_cofferdam_using_subcommand version" -l socket -d 'The daemon\'s socket' -r -F
complete -c cofferdam -n "__fish_cofferdam_using_subcommand version" -l json -d 'Print JSON instead of text'
complete -c cofferdam -n "__fish_cofferdam_using_subcommand version" -s h -l help -d 'Print help'
complete -c cofferdam -n "__fish_cofferdam_using_subcommand completions" -l socket -d 'The daemon\'s socket' -r -F
complete -c cofferdam -n "__fish_cofferdam_using_subcommand completions" -l json -d 'Print JSON instead of text'
complete -c cofferdam -n "__fish_cofferdam_using_subcommand completions" -s h -l help -d 'Print help'
complete -c cofferdam -n "__fish_cofferdam_using_subcommand man" -l socket -d 'The daemon\'s socket' -r -F
complete -c cofferdam -n "__fish_cofferdam_using_subcommand man" -l json -d 'Print JSON instead of text'
complete -c cofferdam -n "__fish_cofferdam_using_subcommand man" -s h -l help -d 'Print help'
complete -c cofferdam -n "__fish_cofferdam_using_subcommand openapi" -l socket -d 'The daemon\'s socket' -r -F
complete -c cofferdam -n "__fish_cofferdam_using_subcommand openapi" -l json -d 'Print JSON instead of text'
complete -c cofferdam -n "__fish_cofferdam_using_subcommand openapi" -s h -l help -d 'Print help'
complete -c cofferdam -n "__fish_cofferdam_using_subcommand generate" -l socket -d 'The daemon\'s socket' -r -F
complete -c cofferdam -n "__fish_cofferdam_using_subcommand generate" -l json -d 'Print JSON instead of text'
complete -c cofferdam -n "__fish_cofferdam_using_subcommand generate" -s h -l help -d 'Print help'
