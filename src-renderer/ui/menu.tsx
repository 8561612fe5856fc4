// A menu behind a button, with groups of choices.
import { Check } from 'lucide-react';
import type { ReactNode } from 'react';
import { Menu as AriaMenu, Button, Header, MenuItem, MenuSection, MenuTrigger, Popover } from 'react-aria-components';
import styles from './menu.module.css';

export interface MenuGroup {
  readonly id: string;
  readonly title: string | null;
  /** The chosen one of a group of choices; null for a group of acts. */
  readonly chosen: string | null;
  readonly items: readonly { readonly id: string; readonly text: string }[];
  readonly onAction: (id: string) => void;
}

interface Props {
  readonly label: string;
  readonly icon: ReactNode;
  readonly text?: string;
  readonly groups: readonly MenuGroup[];
}

export const Menu = ({ label, icon, text, groups }: Props) => (
  <MenuTrigger>
    <Button aria-label={label} className={styles.button ?? ''}>
      {icon}
      {text}
    </Button>
    <Popover className={styles.popover ?? ''} placement="bottom end">
      <AriaMenu className={styles.menu ?? ''} aria-label={label}>
        {groups.map((group) => (
          <MenuSection
            key={group.id}
            className={styles.group ?? ''}
            aria-label={group.title ?? label}
            {...(group.chosen === null
              ? {}
              : { selectionMode: 'single' as const, selectedKeys: [group.chosen], disallowEmptySelection: true })}
          >
            {group.title !== null && <Header className={styles.title}>{group.title}</Header>}
            {group.items.map(({ id, text: words }) => (
              <MenuItem
                key={id}
                id={id}
                textValue={words}
                className={styles.item ?? ''}
                onAction={() => group.onAction(id)}
              >
                {group.chosen !== null && (
                  <Check aria-hidden size={18} visibility={group.chosen === id ? 'visible' : 'hidden'} />
                )}
                {words}
              </MenuItem>
            ))}
          </MenuSection>
        ))}
      </AriaMenu>
    </Popover>
  </MenuTrigger>
);
