export const write = async (_: unknown): Promise<void> => {}
