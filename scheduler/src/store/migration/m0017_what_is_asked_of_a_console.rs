//! A question to a host that attends another scheduler is kept as the host is to be asked it.

use sea_orm_migration::prelude::*;

pub struct WhatIsAskedOfAConsole;

impl MigrationName for WhatIsAskedOfAConsole {
    fn name(&self) -> &'static str {
        "m0017_what_is_asked_of_a_console"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for WhatIsAskedOfAConsole {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let db = manager.get_connection();
        // Whoever waited for an answer to one of these has given up.
        for step in [
            "DELETE FROM console_question",
            "ALTER TABLE console_question DROP COLUMN instance_id",
            "ALTER TABLE console_question ADD COLUMN question TEXT NOT NULL DEFAULT ''",
        ] {
            db.execute_unprepared(step).await?;
        }
        Ok(())
    }
}
