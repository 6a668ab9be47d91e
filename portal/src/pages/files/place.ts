/** A folder of a share; names are as they stand in an address. */
export interface Place {
  rg: string;
  account: string;
  share: string;
  folder: string[];
}

export const pathOf = ({ rg, account, share, folder }: Place) => `/files/${[rg, account, share, ...folder].join("/")}`;
