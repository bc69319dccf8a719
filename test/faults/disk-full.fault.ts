import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, expect, it } from 'vitest'
import { describeWith } from '../fakes/tools.ts'
import { LOAD, pause, type Rig, setUp } from './rig.ts'
import { mountSmallDisk, type SmallDisk } from './small-disk.ts'

const DISK_BYTES = 2 * 1024 * 1024
let rig: Rig
let disk: SmallDisk
afterEach(async () => {
  await rig.close()
  disk.close()
})

describeWith(['mosquitto', 'unshare', 'nsenter', 'mount'], 'a disk that is full', () => {
  it('in the middle of an outage costs no record, and is used again when there is room', async ({ annotate }) => {
    rig = await setUp({ config: LOAD })
    disk = await mountSmallDisk(join(rig.folder, 'state'), DISK_BYTES)
    await rig.broker.kill()
    const agent = rig.start(disk.enter)
    await agent.said('ready')
    await pause(3000)
    const filler = disk.path('filler')
    await fill(filler)
    await pause(4000)
    // First the disk has room again, then the process is killed: what the memory held must be on it by then.
    await rm(filler)
    await pause(4000)
    await agent.kill()
    const read = [...agent.owed().values()].reduce((sum, count) => sum + count, 0)
    await rig.broker.start()
    const next = rig.start(disk.enter)
    await rig.settled()
    await next.end('SIGTERM')
    await rig.settled()
    const { lost, reordered, duplicates } = rig.account()
    await annotate(
      `disk full in the middle of an outage, then room again, then SIGKILL: ${read} records older than 2 s, lost ${lost}, reordered ${reordered}, duplicates ${duplicates}`,
      'figure',
    )
    expect({ lost, reordered }).toEqual({ lost: 0, reordered: 0 })
  })
})

/** Takes all the room that there is. */
async function fill(file: string): Promise<void> {
  const error = await writeFile(file, Buffer.alloc(2 * DISK_BYTES)).catch((thrown: unknown) => thrown)
  expect(error).toMatchObject({ code: 'ENOSPC' })
}
