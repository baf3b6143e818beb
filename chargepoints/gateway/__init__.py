"""The process side of the websockets: which sockets this process holds, its lease, the message log, command delivery."""
