"""orders"""
import sqlalchemy as sa
from alembic import op

revision = "a1f30c5d7e21"
down_revision = None


def upgrade():
    op.create_table(
        "orders",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("article", sa.Text, nullable=False),
    )


def downgrade():
    op.drop_table("orders")
