"""The process side of the websockets: this process's sockets, lease, message log and command delivery."""
