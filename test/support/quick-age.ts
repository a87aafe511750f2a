/**
 * Backups with a passphrase that costs nothing to try, for tests of all but that:
 * `vi.mock('…/lib/base/limits.ts', async (original) => quickened(await original()))`, where `quickened` is imported inside.
 */

export const quickened = (limits: object) => ({ ...limits, backupWorkFactor: 4 })
