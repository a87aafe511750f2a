/** Long tests run reduced in `npm test` and in full by `npm run campaign`. */

const isCampaign = process.env['HANDFAST_CAMPAIGN'] === '1'

export const tier = (reduced: number, full: number): number => (isCampaign ? full : reduced)
