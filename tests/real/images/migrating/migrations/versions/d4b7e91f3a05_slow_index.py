"""an index that takes its time"""
from alembic import op

revision = "d4b7e91f3a05"
down_revision = "c9e2b4a86f13"


def upgrade():
    op.create_index("orders_article", "orders", ["article"])
    op.execute("SELECT pg_sleep(5)")


def downgrade():
    op.drop_index("orders_article")
