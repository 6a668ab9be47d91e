import { Button } from "@fluentui/react-components";
import { useState } from "react";
import { useAsync, usePermissionsAnywhere } from "../../api";
import { ACCOUNTS, listAccounts } from "../../files";
import { Empty } from "../../parts/show";
import { Listed } from "../../parts/Table";
import { Account } from "./Account";
import { CreateAccount } from "./CreateAccount";

export default function Files() {
  const can = usePermissionsAnywhere();
  const { value, error, reload } = useAsync("accounts", listAccounts);
  const [isCreating, setCreating] = useState(false);
  return (
    <>
      <h1>File shares</h1>
      <p>Folders that container groups mount and that keep what is in them. Shares belong to a storage account, whose keys open them.</p>
      {can(`${ACCOUNTS}/write`) && <div className="bar"><Button appearance="primary" onClick={() => setCreating(true)}>Create storage account</Button></div>}
      <Listed value={value} error={error} what="storage accounts" empty={<Empty title="No storage accounts yet"><p>A share needs a storage account to be in.</p></Empty>}>
        {(accounts) => accounts.map((account) => <Account key={account.id} account={account} onChange={reload} />)}
      </Listed>
      {isCreating && <CreateAccount onDone={reload} onClose={() => setCreating(false)} />}
    </>
  );
}
