/**
 * Those whose messages wait for room. The first of them has it whether it is there or not, until its message is whole:
 * messages that are not whole would else wait for one another for ever.
 */
export class RoomQueue {
  readonly #waiting = new Set<object>()

  join(who: object): void {
    this.#waiting.add(who)
  }

  leave(who: object): void {
    this.#waiting.delete(who)
  }

  isFirst(who: object): boolean {
    const [first] = this.#waiting
    return first === who
  }
}
