/** What we use of the package `systemd-notify`, which has no types of its own. */
declare module 'systemd-notify' {
  interface Message {
    readonly ready?: boolean
    /** One line for people, shown by `systemctl status`. */
    readonly status?: string
    /** The process that the message is about. */
    readonly pid?: number
  }

  /** Runs `systemd-notify` from the PATH. Rejects with what it said, a string, or with the error of the spawn. */
  const notify: (message: Message) => Promise<unknown>
  export = notify
}
