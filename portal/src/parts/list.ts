// Lists of which the user changes one item.
export const replace = <T,>(list: T[], index: number, change: Partial<T>) => list.map((item, at) => (at === index ? { ...item, ...change } : item));
export const without = <T,>(list: T[], index: number) => list.filter((_, at) => at !== index);
