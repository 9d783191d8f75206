/** A duration as text, `30s`; as a number only 0, which needs no unit. */
export const durationSchema = { type: ['string', 'integer'], format: 'duration', minimum: 0, maximum: 0 } as const
